"""The report of an evaluation: one object with all that was found, and one page that draws it for people."""

from training.report.contents import Report, build_report
from training.report.page import render_html, write_report

__all__ = ["Report", "build_report", "render_html", "write_report"]
