"""Repository problems as Harbor task folders, which grade there as they are graded here."""

from __future__ import annotations

from alphadial.envs.harbor.exporting import BASE, Exported, export_tasks

__all__ = ["BASE", "Exported", "export_tasks"]
