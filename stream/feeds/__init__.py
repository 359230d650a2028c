"""News feeds into news.headlines: RSS, Atom and JSON Feed, from servers that need not be friendly."""
