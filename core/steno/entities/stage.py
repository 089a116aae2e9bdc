"""Whether an experiment or a run is active or deleted, and which of them a search looks at."""

from __future__ import annotations

from typing import Literal

from steno.errors import InvalidInputError, shown

__all__ = ["LifecycleStage", "StageName", "ViewType"]

StageName = Literal["active", "deleted"]
"""A stage as `lifecycle_stage` holds it."""


class ViewType:
    """Which life-cycle stages a search returns. Values are MLflow's."""

    ACTIVE_ONLY = 1
    DELETED_ONLY = 2
    ALL = 3

    @classmethod
    def from_string(cls, view_str: str) -> int:
        """The view of a name: "active_only", "deleted_only" or "all".

        Raises:
            InvalidInputError: another name.
        """
        if view_str not in _VIEWS:
            raise InvalidInputError(f"view type is {shown(view_str)}, accepted are {', '.join(map(repr, _VIEWS))}")
        return _VIEWS[view_str]

    @classmethod
    def to_string(cls, view_type: int) -> str:
        """The name of a view.

        Raises:
            InvalidInputError: none of the three.
        """
        for name, value in _VIEWS.items():
            if value == view_type:
                return name
        raise InvalidInputError(
            f"view type is {shown(view_type)}, accepted are 1, 2 and 3: ViewType.ACTIVE_ONLY, DELETED_ONLY and ALL"
        )


_VIEWS = {"active_only": ViewType.ACTIVE_ONLY, "deleted_only": ViewType.DELETED_ONLY, "all": ViewType.ALL}


class LifecycleStage:
    """The stages by name: `run.info.lifecycle_stage == LifecycleStage.ACTIVE`."""

    ACTIVE: StageName = "active"
    DELETED: StageName = "deleted"

    @classmethod
    def is_valid(cls, lifecycle_stage: str) -> bool:
        """Whether this is a stage."""
        return lifecycle_stage in (cls.ACTIVE, cls.DELETED)

    @classmethod
    def view_type_to_stages(cls, view_type: int = ViewType.ALL) -> list[StageName]:
        """The stages that a view looks at."""
        seen = {cls.ACTIVE: (ViewType.ACTIVE_ONLY, ViewType.ALL), cls.DELETED: (ViewType.DELETED_ONLY, ViewType.ALL)}
        return [stage for stage, views in seen.items() if view_type in views]

    @classmethod
    def matches_view_type(cls, view_type: int, lifecycle_stage: str) -> bool:
        """Whether a view looks at a stage.

        Raises:
            InvalidInputError: there is no such view or stage.
        """
        ViewType.to_string(view_type)
        if not cls.is_valid(lifecycle_stage):
            raise InvalidInputError(f"lifecycle_stage is {shown(lifecycle_stage)}, accepted are 'active' and 'deleted'")
        return lifecycle_stage in cls.view_type_to_stages(view_type)
