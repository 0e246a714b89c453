#include "data/codec_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/guarded.h"
#include "support/value.h"

//  -------------------------------------------------------------------------
//  Support

//  What msgpack-c makes of the same thing is what ours must make of it.
typedef struct {
    msgpack_sbuffer theirs;
    msgpack_packer packer;
    uint8_t ours[16];
} pair_t;

static void s_begin (pair_t *self)
{
    msgpack_sbuffer_init (&self->theirs);
    msgpack_packer_init (&self->packer, &self->theirs, msgpack_sbuffer_write);
}

static void s_end (pair_t *self, const uint8_t *end)
{
    assert_int_equal (end - self->ours, self->theirs.size);
    assert_memory_equal (self->ours, self->theirs.data, self->theirs.size);
    msgpack_sbuffer_destroy (&self->theirs);
}

//  Read one token of `size` bytes of which all are its head.
static zloom__token_t s_read (const uint8_t *bytes, size_t size)
{
    zloom__token_t token;
    assert_ptr_equal (zloom__read (bytes, bytes + size, &token), bytes + size);
    return token;
}

//  -------------------------------------------------------------------------
//  Writing

static void test_codec_writes_integers_as_msgpack_c_does (void **state)
{
    (void) state;
    for (int power = 0; power < 64; power++) {
        for (int64_t by = -2; by <= 2; by++) {
            uint64_t number = (UINT64_C (1) << power) + (uint64_t) by;
            pair_t pair;
            s_begin (&pair);
            msgpack_pack_uint64 (&pair.packer, number);
            uint8_t *end = zloom__write_uint (pair.ours, number);
            s_end (&pair, end);
            assert_int_equal (s_read (pair.ours, (size_t) (end - pair.ours)).value.u, number);

            int64_t negative = (int64_t) (0 - number);
            s_begin (&pair);
            msgpack_pack_int64 (&pair.packer, negative);
            end = zloom__write_int (pair.ours, negative);
            s_end (&pair, end);
            assert_int_equal (s_read (pair.ours, (size_t) (end - pair.ours)).value.i, negative);
        }
    }
}

static void test_codec_writes_nil_booleans_and_floats_as_msgpack_c_does (void **state)
{
    (void) state;
    pair_t pair;
    s_begin (&pair);
    msgpack_pack_nil (&pair.packer);
    msgpack_pack_true (&pair.packer);
    msgpack_pack_false (&pair.packer);
    msgpack_pack_double (&pair.packer, -0.5);
    uint8_t *p = zloom__write_nil (pair.ours);
    p = zloom__write_bool (p, true);
    p = zloom__write_bool (p, false);
    s_end (&pair, zloom__write_float (p, -0.5));
}

static const uint32_t s_lengths[] = {
    0,   1,   2,     3,     4,       5,   8,   15,  16,    17,    31,    32,         33,
    255, 256, 65535, 65536, 1000000, 127, 128, 129, 32767, 32768, 65537, 2147483648, UINT32_MAX};
enum { LENGTHS = sizeof s_lengths / sizeof s_lengths[0] };

static void test_codec_writes_heads_as_msgpack_c_does (void **state)
{
    (void) state;
    for (size_t i = 0; i < LENGTHS; i++) {
        uint32_t length = s_lengths[i];
        pair_t pair;
        s_begin (&pair);
        msgpack_pack_str (&pair.packer, length);
        s_end (&pair, zloom__write_str_head (pair.ours, length));
        s_begin (&pair);
        msgpack_pack_bin (&pair.packer, length);
        s_end (&pair, zloom__write_bin_head (pair.ours, length));
        s_begin (&pair);
        msgpack_pack_array (&pair.packer, length);
        s_end (&pair, zloom__write_array_head (pair.ours, length));
        s_begin (&pair);
        msgpack_pack_map (&pair.packer, length);
        s_end (&pair, zloom__write_map_head (pair.ours, length));
        s_begin (&pair);
        msgpack_pack_ext (&pair.packer, length, -7);
        s_end (&pair, zloom__write_ext_head (pair.ours, -7, length));
    }
}

static void test_codec_needs_no_more_room_than_it_says (void **state)
{
    (void) state;
    uint8_t bytes[16];
    assert_int_equal (zloom__write_uint (bytes, UINT64_MAX) - bytes, ZLOOM__HEAD_MAX);
    assert_int_equal (zloom__write_int (bytes, INT64_MIN) - bytes, ZLOOM__HEAD_MAX);
    assert_int_equal (zloom__write_float (bytes, 0.1) - bytes, ZLOOM__HEAD_MAX);
    assert_in_range (zloom__write_ext_head (bytes, 1, UINT32_MAX) - bytes, 1, ZLOOM__HEAD_MAX);
    assert_in_range (zloom__write_map_head (bytes, UINT32_MAX) - bytes, 1, ZLOOM__HEAD_MAX);
}

//  -------------------------------------------------------------------------
//  Reading

//  For each tag, how many bytes its head has and of what type it is.
static void test_codec_knows_every_tag (void **state)
{
    (void) state;
    static const struct {
        uint8_t from, to, head;
        zloom__type_t type;
    } rows[] = {
        {0x00, 0x7f, 1, ZLOOM__UINT},  {0x80, 0x80, 1, ZLOOM__MAP},   {0x90, 0x90, 1, ZLOOM__ARRAY},
        {0xa0, 0xa0, 1, ZLOOM__STR},   {0xc0, 0xc0, 1, ZLOOM__NIL},   {0xc2, 0xc3, 1, ZLOOM__BOOL},
        {0xc4, 0xc4, 2, ZLOOM__BIN},   {0xc5, 0xc5, 3, ZLOOM__BIN},   {0xc6, 0xc6, 5, ZLOOM__BIN},
        {0xc7, 0xc7, 3, ZLOOM__EXT},   {0xc8, 0xc8, 4, ZLOOM__EXT},   {0xc9, 0xc9, 6, ZLOOM__EXT},
        {0xca, 0xca, 5, ZLOOM__FLOAT}, {0xcb, 0xcb, 9, ZLOOM__FLOAT}, {0xcc, 0xcc, 2, ZLOOM__UINT},
        {0xcd, 0xcd, 3, ZLOOM__UINT},  {0xce, 0xce, 5, ZLOOM__UINT},  {0xcf, 0xcf, 9, ZLOOM__UINT},
        {0xd0, 0xd0, 2, ZLOOM__UINT},  {0xd1, 0xd1, 3, ZLOOM__UINT},  {0xd2, 0xd2, 5, ZLOOM__UINT},
        {0xd3, 0xd3, 9, ZLOOM__UINT},  {0xd9, 0xd9, 2, ZLOOM__STR},   {0xda, 0xda, 3, ZLOOM__STR},
        {0xdb, 0xdb, 5, ZLOOM__STR},   {0xdc, 0xdc, 3, ZLOOM__ARRAY}, {0xdd, 0xdd, 5, ZLOOM__ARRAY},
        {0xde, 0xde, 3, ZLOOM__MAP},   {0xdf, 0xdf, 5, ZLOOM__MAP},   {0xe0, 0xff, 1, ZLOOM__INT}};
    guarded_t memory = guarded_new (16);
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        for (unsigned tag = rows[row].from; tag <= rows[row].to; tag++) {
            uint8_t bytes[16] = {(uint8_t) tag};
            for (size_t size = 0; size <= rows[row].head; size++) {
                zloom_bytes_t cut = guarded_put (&memory, zloom_bytes (bytes, size));
                const uint8_t *end = cut.data + cut.size;
                zloom__token_t token;
                const uint8_t *after = zloom__read (cut.data, end, &token);
                assert_ptr_equal (after, size == rows[row].head ? end : NULL);
                if (after) {
                    assert_int_equal (token.type, rows[row].type);
                    assert_int_equal (token.length, 0);
                }
            }
        }
    }
    guarded_clear (&memory);
}

static void test_codec_refuses_the_tag_that_means_nothing (void **state)
{
    (void) state;
    const uint8_t bytes[16] = {0xc1};
    zloom__token_t token;
    assert_null (zloom__read (bytes, bytes + 16, &token));
}

//  A length or count may be as large as what is there, and not one larger.
static void test_codec_refuses_lengths_and_counts_that_cannot_be (void **state)
{
    (void) state;
    static const struct {
        uint8_t bytes[6];
        uint8_t head;
        size_t needs;
    } rows[] = {{{0xa5}, 1, 5},
                {{0xd9, 200}, 2, 200},
                {{0xda, 1, 0}, 3, 256},
                {{0xdb, 0, 1, 0, 0}, 5, 65536},
                {{0xc4, 7}, 2, 7},
                {{0xc5, 1, 1}, 3, 257},
                {{0xc6, 0, 0, 1, 0}, 5, 256},
                {{0xd4}, 1, 2},
                {{0xd8}, 1, 17},
                {{0xc7, 3}, 2, 4},
                {{0xc8, 1, 0}, 3, 257},
                {{0xc9, 0, 0, 1, 0}, 5, 257},
                {{0x93}, 1, 3},
                {{0xdc, 1, 0}, 3, 256},
                {{0xdd, 0, 0, 2, 0}, 5, 512},
                {{0x83}, 1, 6},
                {{0xde, 1, 0}, 3, 512},
                {{0xdf, 0, 1, 0, 0}, 5, 131072}};
    static uint8_t bytes[131072 + 6];
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        memset (bytes, 0, sizeof bytes);
        memcpy (bytes, rows[row].bytes, rows[row].head);
        zloom__token_t token;
        const uint8_t *end = bytes + rows[row].head + rows[row].needs;
        assert_non_null (zloom__read (bytes, end, &token));
        assert_null (zloom__read (bytes, end - 1, &token));
        assert_null (zloom__read (bytes, bytes + rows[row].head, &token));
    }
}

static void test_codec_reads_single_floats_as_doubles (void **state)
{
    (void) state;
    const uint8_t half[] = {0xca, 0x3f, 0x00, 0x00, 0x00};
    assert_true (s_read (half, sizeof half).value.f == 0.5);
}

static void test_codec_tells_negative_integers_from_the_rest (void **state)
{
    (void) state;
    const uint8_t minus_1[] = {0xd3, 255, 255, 255, 255, 255, 255, 255, 255};
    const uint8_t plus_1[] = {0xd3, 0, 0, 0, 0, 0, 0, 0, 1};
    const uint8_t least[] = {0xe0};
    assert_int_equal (s_read (minus_1, 9).type, ZLOOM__INT);
    assert_int_equal (s_read (minus_1, 9).value.i, -1);
    assert_int_equal (s_read (plus_1, 9).type, ZLOOM__UINT);
    assert_int_equal (s_read (plus_1, 9).value.u, 1);
    assert_int_equal (s_read (least, 1).type, ZLOOM__INT);
    assert_int_equal (s_read (least, 1).value.i, -32);
}

//  -------------------------------------------------------------------------
//  Whole values

static void test_codec_reads_what_msgpack_c_packs (void **state)
{
    (void) state;
    zloom_random_t random;
    zloom_random_seed (&random, 20240229);
    for (int round = 0; round < 3000; round++) {
        msgpack_sbuffer packed;
        msgpack_sbuffer_init (&packed);
        value_pack_random (&packed, &random, 5);
        msgpack_unpacked unpacked;
        msgpack_unpacked_init (&unpacked);
        assert_int_equal (msgpack_unpack_next (&unpacked, packed.data, packed.size, NULL),
                          MSGPACK_UNPACK_SUCCESS);

        const uint8_t *p = (const uint8_t *) packed.data, *end = p + packed.size;
        if (value_compare (p, end, &unpacked.data) != end)
            fail_msg ("round %d: msgpack-c reads another value", round);
        assert_ptr_equal (zloom__pass (p, end), end);
        msgpack_unpacked_destroy (&unpacked);
        msgpack_sbuffer_destroy (&packed);
    }
}

static void test_codec_never_reads_behind_the_end (void **state)
{
    (void) state;
    zloom_random_t random;
    zloom_random_seed (&random, 7);
    guarded_t memory = guarded_new (4096);
    for (int round = 0; round < 300; round++) {
        msgpack_sbuffer packed;
        msgpack_sbuffer_init (&packed);
        value_pack_random (&packed, &random, 3);
        for (size_t size = 0; size < packed.size && size < 4096; size++) {
            zloom_bytes_t cut = guarded_put (&memory, zloom_bytes (packed.data, size));
            assert_null (zloom__pass (cut.data, cut.data + cut.size));
        }
        msgpack_sbuffer_destroy (&packed);
    }
    guarded_clear (&memory);
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (test_codec_writes_integers_as_msgpack_c_does),
        cmocka_unit_test (test_codec_writes_nil_booleans_and_floats_as_msgpack_c_does),
        cmocka_unit_test (test_codec_writes_heads_as_msgpack_c_does),
        cmocka_unit_test (test_codec_needs_no_more_room_than_it_says),
        cmocka_unit_test (test_codec_knows_every_tag),
        cmocka_unit_test (test_codec_refuses_the_tag_that_means_nothing),
        cmocka_unit_test (test_codec_refuses_lengths_and_counts_that_cannot_be),
        cmocka_unit_test (test_codec_reads_single_floats_as_doubles),
        cmocka_unit_test (test_codec_tells_negative_integers_from_the_rest),
        cmocka_unit_test (test_codec_reads_what_msgpack_c_packs),
        cmocka_unit_test (test_codec_never_reads_behind_the_end),
    };
    return cmocka_run_group_tests (tests, NULL, NULL);
}
