#include "commands.h"

#include "address.h"
#include "exchange.h"
#include "output.h"
#include "report.h"

static exchange_options_t s_given = {.count = EXCHANGE_NO_COUNT};

static const char *const s_ending_names[] = {[MESSAGE_LINE] = "line",
                                             [MESSAGE_NUL] = "nul",
                                             [MESSAGE_LEN32] = "len32",
                                             [MESSAGE_NOTHING] = "none",
                                             NULL};

static const option_row_t s_options[] = {
    {.name = "data",
     .letter = 'd',
     .kind = OPTION_LIST,
     .metavar = "TEXT|@FILE",
     .help = "send this, not stdin; again for another message",
     .into.list = &s_given.feed.data},
    {.name = "frame",
     .kind = OPTION_LIST,
     .metavar = "TEXT|@FILE",
     .help = "one frame of a message; again for its next frame",
     .into.list = &s_given.feed.frames},
    {.name = "in",
     .letter = 'i',
     .kind = OPTION_CHOICE,
     .metavar = "FORM",
     .fallback = "line",
     .help = "what one message of stdin is",
     .choices = feed_form_names,
     .into.choice = &s_given.feed.form},
    {.name = "echo",
     .kind = OPTION_FLAG,
     .help = "send back what is received (REP ROUTER DEALER PAIR STREAM)",
     .into.flag = &s_given.echo},
    {.name = "count",
     .letter = 'n',
     .kind = OPTION_COUNT,
     .metavar = "N",
     .help = "stop after N messages; PUSH, PUB and REQ send --data N times",
     .into.count = &s_given.count},
    {.name = "for",
     .kind = OPTION_DURATION,
     .metavar = "TIME",
     .help = "stop after this time",
     .into.duration = &s_given.duration},
    {.name = "idle",
     .kind = OPTION_DURATION,
     .metavar = "TIME",
     .help = "stop when nothing was received for this time",
     .into.duration = &s_given.idle},
    {.name = "wait",
     .letter = 'w',
     .kind = OPTION_DURATION,
     .metavar = "TIME",
     .fallback = "3s",
     .help = "how long the first message may wait for a peer",
     .into.duration = &s_given.wait},
    {.name = "timeout",
     .letter = 't',
     .kind = OPTION_DURATION,
     .metavar = "TIME",
     .fallback = "5s",
     .help = "how long a REQ waits for its reply",
     .into.duration = &s_given.timeout},
    {.name = "linger",
     .kind = OPTION_DURATION,
     .metavar = "TIME",
     .fallback = "5s",
     .help = "at the end, how long what was sent may take to leave",
     .into.duration = &s_given.linger},
    {.name = "interval",
     .kind = OPTION_DURATION,
     .metavar = "TIME",
     .fallback = "0s",
     .help = "pause between messages sent",
     .into.duration = &s_given.interval},
    {.name = "subscribe",
     .letter = 's',
     .kind = OPTION_LIST,
     .metavar = "PREFIX",
     .help = "what a SUB or XSUB takes (everything); again for more",
     .into.list = &s_given.raw.subscriptions},
    {.name = "option",
     .letter = 'O',
     .kind = OPTION_LIST,
     .metavar = "NAME=VALUE",
     .help = "a socket option of libzmq, such as routing-id=me or sndhwm=10",
     .into.list = &s_given.raw.settings},
    {.name = "max-size",
     .kind = OPTION_SIZE,
     .metavar = "SIZE",
     .fallback = "1MiB",
     .help = "largest message, both ways",
     .into.size = &s_given.raw.max_size},
    {.name = "max-frames",
     .kind = OPTION_COUNT,
     .metavar = "N",
     .fallback = "64",
     .help = "most frames of a message received",
     .into.count = &s_given.raw.max_frames},
    {.name = "insecure-public",
     .kind = OPTION_FLAG,
     .help = "bind where other users or machines can connect",
     .into.flag = &s_given.raw.insecure_public},
    ADDRESS_OPTIONS,
    OUTPUT_OPTIONS,
    {.name = "ending",
     .kind = OPTION_CHOICE,
     .metavar = "FORM",
     .fallback = "line",
     .help = "with -o raw, what tells frames apart",
     .choices = s_ending_names,
     .into.choice = &s_given.ending},
    {.name = "verbose",
     .letter = 'v',
     .kind = OPTION_FLAG,
     .help = "tell of binds and connections on stderr",
     .into.flag = &s_given.raw.verbose},
    OPTION_END};

static bool s_can_echo (const raw_kind_t *kind)
{
    return kind->sends && kind->receives && kind->type != ZMQ_REQ && kind->type != ZMQ_XPUB
           && kind->type != ZMQ_XSUB;
}

//  What cannot be meant. Returns 0, or 2 (reported).
static int s_check (const raw_kind_t *kind)
{
    const feed_options_t *feed = &s_given.feed;
    bool sends = feed->data.count || feed->frames.count;
    if (feed->data.count && feed->frames.count)
        return report_usage ("--data and --frame exclude each other");
    if (sends && !kind->sends)
        return report_usage ("%s only receives; --data and --frame are for senders", kind->name);
    if (s_given.echo && !s_can_echo (kind))
        return report_usage ("--echo is for REP, ROUTER, DEALER, PAIR and STREAM");
    if (s_given.echo && sends)
        return report_usage ("--echo sends back what came; it takes no --data or --frame");
    if (s_given.count == 0 && (exchange_counts_sent (kind) || !kind->sends))
        return report_usage ("--count 0 is for sockets that send and receive");
    return EXIT_OK;
}

static int s_run (int argc, char **argv)
{
    (void) argc;
    const raw_kind_t *kind = raw_kind (argv[0]);
    int status = kind ? s_check (kind) : EXIT_USAGE;
    s_given.feed.max_size = s_given.raw.max_size;
    return status ? status : exchange_run (kind, &s_given, argv + 1);
}

const command_t command_cat = {
    .name = "cat",
    .summary = "Talk to any ZeroMQ program: raw frames, any socket type",
    .arguments = "TYPE ADDRESS...",
    .least = 2,
    .most = -1,
    .about =
        "TYPE is PAIR PUB SUB REQ REP DEALER ROUTER PULL PUSH XPUB XSUB or STREAM. It\n"
        "connects; an address with @ before it, or --bind, is bound instead. What is\n"
        "sent comes from --data, --frame or stdin; what is received goes to stdout.\n"
        "PUSH, PUB and REQ end when all is sent (and answered); the others at the\n"
        "count, after the time, or by Ctrl-C. A ROUTER shows the routing id first, and\n"
        "is given it first. With --in json a line is {\"frames\": [\"a\", {\"$bin\": \"AAE=\"}]},\n"
        "as -o json prints it; with --in hex it is digits, blanks between frames.",
    .examples = "  zloom cat PULL @tcp://127.0.0.1:5555\n"
                "  seq 3 | zloom cat PUSH tcp://127.0.0.1:5555\n"
                "  zloom cat REQ tcp://127.0.0.1:5556 -d hello\n"
                "  zloom cat SUB tcp://127.0.0.1:5557 -s weather. -n 10",
    .options = s_options,
    .run = s_run};
