//  fuzz_check - any bytes through the check and the codec, beside msgpack-c

#include <stdlib.h>

#include "data/check.h"
#include "data/codec_internal.h"
#include "support/fuzz.h"
#include "support/value.h"

//  What msgpack-c answers; and what it unpacked is what the codec reads.
static bool s_msgpack_c_takes (zloom_bytes_t bytes)
{
    msgpack_unpacked unpacked;
    msgpack_unpacked_init (&unpacked);
    size_t used = 0;
    msgpack_unpack_return answer =
        msgpack_unpack_next (&unpacked, (const char *) bytes.data, bytes.size, &used);
    bool takes = answer == MSGPACK_UNPACK_SUCCESS && used == bytes.size;
    const uint8_t *end = bytes.data + bytes.size;
    if (takes)
        fuzz_assert (value_compare (bytes.data, end, &unpacked.data) == end);
    msgpack_unpacked_destroy (&unpacked);
    return takes;
}

//  Whether there may be a count for which msgpack-c would ask for much memory.
static bool s_may_be_bomb (zloom_bytes_t bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.data[i] >= 0xdc && bytes.data[i] <= 0xdf)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    static const zloom_limits_t widest = {
        .max_size = UINT32_MAX, .max_elements = UINT32_MAX, .max_depth = ZLOOM_DEPTH_MAX};
    static const zloom_limits_t strict = {
        .max_size = 200, .max_elements = 20, .max_depth = 4, .utf8 = true, .string_keys = true};
    zloom_bytes_t bytes = zloom_bytes (data, size);
    zloom_error_t error = {0};
    bool is_sound = zloom_check (bytes, &widest, &error) == ZLOOM_OK;
    fuzz_assert (is_sound == (error.code == ZLOOM_OK) && is_sound == (error.text[0] == 0));

    //  Who passes strict limits passes wider ones.
    bool is_usual = zloom_check (bytes, NULL, NULL) == ZLOOM_OK;
    fuzz_assert (is_sound || !is_usual);
    fuzz_assert (is_usual || zloom_check (bytes, &strict, NULL) != ZLOOM_OK);

    const uint8_t *after = size ? zloom__pass (data, data + size) : NULL;
    if (is_sound)
        fuzz_assert (after == data + size);
    if (is_sound || !s_may_be_bomb (bytes))
        fuzz_assert (s_msgpack_c_takes (bytes) == is_sound);
    return 0;
}
