"""Reads pages as browsers do."""

import html.parser

_VOID = {"meta", "img", "br", "image"}


class Reader(html.parser.HTMLParser):
    """Elements in the order of their ends, with their text; fails where one is not closed."""

    def __init__(self, page):
        super().__init__()
        self.open, self.found, self.urls = [], [], []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.urls += [value for name, value in attrs if name in ("src", "href")]
        if tag not in _VOID:
            self.open.append((tag, dict(attrs), []))

    def handle_startendtag(self, tag, attrs):
        self.urls += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        for _, _, texts in self.open:
            texts.append(data)

    def handle_endtag(self, tag):
        if tag in _VOID:
            return
        opened, attrs, texts = self.open.pop()
        assert opened == tag, f"{opened} ended by {tag}"
        self.found.append((tag, attrs, "".join(texts)))

    def texts(self, tag):
        """The texts of the elements of a kind."""
        return [text for found, _, text in self.found if found == tag]
