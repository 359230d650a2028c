"""When to page and with what: rules, evidence, pages, the relay."""
