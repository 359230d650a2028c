"""Other people's text for services whose messages are markdown and know no sure way to escape it."""

# Full-width forms look alike and mean nothing to a parser. An @ or a < begins a mention.
_INERT = str.maketrans("[]()<>*_`#~|@\\!", "［］（）＜＞＊＿｀＃～｜＠＼！")


def harmless(text: str) -> str:
    """Text without markup and mentions.

    >>> harmless("<@all> **Acme** [collapses](https://x.example)")
    '＜＠all＞ ＊＊Acme＊＊ ［collapses］（https://x.example）'
    """
    return text.translate(_INERT)


def markdown_address(url: str) -> str:
    """A web address that cannot end a markdown link early."""
    return url.replace("(", "%28").replace(")", "%29").replace("[", "%5B").replace("]", "%5D")
