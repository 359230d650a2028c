"""Why a feed could not be taken: the reasons that the metrics and the log name."""

FAILURES = (
    "address",  # resolves to an address that is not public
    "dns",
    "connect",
    "tls",
    "timeout",  # of the connection, or of the whole: a server that drips is cut there
    "protocol",  # what came is no HTTP, or broke off before a whole item had come
    "redirect",  # in a circle, too many, or to what is no web address
    "throttled",  # 429, 503: the server asks for less
    "gone",  # 404, 410
    "status",  # any other that is not 200 or 304
    "encoding",  # packed in a way that it does not hold, or that was not asked for
    "not_a_feed",
    "unreadable",  # reading it took more time or memory than a feed may
    "broker",  # the feed is well, Kafka is not
    "state",  # the feed is well, the disk under feeds.state is not
    "defect",  # ours: the log has it
)
