"""One HTML file that shows runs: its parts, and the whole."""

from coarse2fine.page.page import make_page
from coarse2fine.page.page_run import Confused, PageRun

__all__ = ["Confused", "PageRun", "make_page"]
