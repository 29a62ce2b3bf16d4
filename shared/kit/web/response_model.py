"""What is answered: the base of its models, and a response of one."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from starlette.responses import Response


class Answer(BaseModel):
    """What is not known is left out, never null: so says the schema, too."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(core_schema)
        for field in handler.resolve_ref_schema(found).get("properties", {}).values():
            options = [option for option in field.get("anyOf", ()) if option != {"type": "null"}]
            if len(options) == 1:
                del field["anyOf"]
                field |= options[0]
                field.pop("default", None)
        return found


def answer(model: BaseModel, status: int = 200) -> Response:
    """The response that says this, without what is not known."""
    return Response(model.model_dump_json(exclude_none=True), status, media_type="application/json")
