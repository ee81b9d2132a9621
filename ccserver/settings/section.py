"""What every table of the configuration is, and the numbers that many of them hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(ge=0, le=7 * 24 * 3600)]
SomeSeconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600)]
WholeSeconds = Annotated[int, Field(ge=1, le=7 * 24 * 3600)]


class Section(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )
