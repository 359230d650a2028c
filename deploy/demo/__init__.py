"""The demo: an invented world's news on the real servers, from two quiet weeks to a squall and its page."""
