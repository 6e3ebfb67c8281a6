"""Judging programs that read stdin and write stdout."""

from .judge import StdioJudge
from .records import SolutionRecord, SolutionReport, TestRecord

__all__ = ["SolutionRecord", "SolutionReport", "StdioJudge", "TestRecord"]
