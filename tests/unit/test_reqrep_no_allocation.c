//  In the steady state a call costs no allocation of zloom's own, at either
//  end. libzmq below allocates as it likes, and is not counted.

#include "support/setting.h"

#include "support/heap.h"

enum { WARM_UP_CALLS = 1000, COUNTED_CALLS = 10000 };

//  Static, as objects that a failed test leaves to its teardown still use it.
static heap_t s_heap;

static void s_call_add (zloom_client_t *client, int64_t number)
{
    int64_t sum = 0;
    assert_ok (client, zloom_client_call (client, "add", "II", number, (int64_t) 1));
    assert_ok (client, zloom_client_result (client, "I", &sum));
    assert_int_equal (sum, number + 1);
}

static void s_call_echo (zloom_client_t *client)
{
    static const char payload[32] = "thirty-one characters and a NUL";
    const void *data = NULL;
    size_t size = 0;
    assert_ok (client, zloom_client_call (client, "echo", "b", payload, sizeof payload));
    assert_ok (client, zloom_client_result (client, "[b]", &data, &size));
    assert_int_equal (size, sizeof payload);
    assert_memory_equal (data, payload, size);
}

static void s_call (zloom_client_t *client, int count)
{
    for (int number = 0; number < count; number += 2) {
        s_call_add (client, number);
        s_call_echo (client);
    }
}

static void test_a_call_allocates_nothing_at_either_end (void **state)
{
    setting_t *self = (setting_t *) *state;
    heap_install (&s_heap, 0);
    setting_open (self);
    s_call (self->client, WARM_UP_CALLS);
    size_t before = s_heap.asked;
    assert_true (before > 0);
    s_call (self->client, COUNTED_CALLS);
    assert_int_equal (s_heap.asked, before);

    zloom_client_destroy (&self->client);
    service_destroy (&self->service);
    assert_int_equal (s_heap.out, 0);
    heap_remove ();
}

int main (void)
{
    const struct CMUnitTest tests[] = {
        SETTING_TEST_EVERYWHERE (test_a_call_allocates_nothing_at_either_end)};
    engines_choose_tests ();
    return cmocka_run_group_tests (tests, NULL, NULL);
}
