"""Attribute tables: one line per attribute of a resource, from which everything about it is derived.

A facade's ``schema`` holds the tables. From one table come the pydantic models that check POST and PUT bodies, the
meaning of ``null``, the names that may be filtered by, and which part of a command a value belongs to. A model is built
once, for the first body of its kind: those that nobody sends cost no memory.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from enum import Enum
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from evenload.api.fields import FieldType, JsonSchema, shown, unsupported
from evenload.model.errors import Invalid, Rejected


class NotRead(Invalid):
    """A body that is not of the shape that it should have. ``field`` is the caller's word, and not the model's."""


class In(Enum):
    """Whether a body may or must hold an attribute."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NEVER = "never"


class Part(Enum):
    """Where a value goes: into a command's ``item`` or ``record``, to the handler itself, or nowhere yet."""

    ITEM = "item"
    RECORD = "record"
    OWN = "own"
    NOWHERE = "nowhere"


class Null(Enum):
    """What ``null`` stands for, where it is not a value that can be written down in the table."""

    REFUSED = "refused"
    DEFAULT = "default"
    """The model's default."""
    ABSENT = "absent"
    """As if the attribute had not been there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """``model`` is the model's name for it. ``null``: a ``Null`` or the value that null stands for.

    ``null_at_creation``: whether null is a value in a body that makes an object, too.
    ``shown``: for attributes that lead nowhere yet, what answers show and, besides null, the only value accepted;
    ``foreign`` is then the word for what the value would be the id of, and which does not exist here; ``unfit`` says
    what of those that exist here the value is never for.
    """

    name: str
    type: FieldType
    part: Part
    post: In
    put: In
    null: Any
    model: str
    shown: Any = None
    foreign: str | None = None
    unfit: str | None = None
    null_at_creation: bool = True

    def takes_null(self, *, creation: bool) -> bool:
        return self.null is not Null.REFUSED and (self.null_at_creation or not creation)


def item(
    name: str,
    type: FieldType,
    *,
    post: In = In.OPTIONAL,
    put: In = In.OPTIONAL,
    null: Any = Null.DEFAULT,
    null_at_creation: bool = True,
) -> Attribute:
    """An attribute that the model's dataclass holds."""
    return Attribute(
        name=name,
        type=type,
        part=Part.ITEM,
        post=post,
        put=put,
        null=null,
        model=name,
        null_at_creation=null_at_creation,
    )


def record(name: str, type: FieldType, *, null: Any) -> Attribute:
    """An attribute that the record around the model's object holds."""
    return Attribute(name=name, type=type, part=Part.RECORD, post=In.OPTIONAL, put=In.OPTIONAL, null=null, model=name)


def own(
    name: str, type: FieldType, *, post: In = In.OPTIONAL, put: In = In.NEVER, null: Any = Null.ABSENT
) -> Attribute:
    """An attribute that the handler itself makes something of."""
    return Attribute(name=name, type=type, part=Part.OWN, post=post, put=put, null=null, model=name)


def nowhere(
    name: str,
    type: FieldType,
    *,
    shown: Any = None,
    put: In = In.OPTIONAL,
    foreign: str | None = None,
    unfit: str | None = None,
    null: bool = True,
) -> Attribute:
    """An attribute of the API that this version has no use for: only the value shown is accepted, and null if ``null``
    says so."""
    return Attribute(
        name=name,
        type=type,
        part=Part.NOWHERE,
        post=In.OPTIONAL,
        put=put,
        null=shown if null else Null.REFUSED,
        model=name,
        shown=shown,
        foreign=foreign,
        unfit=unfit,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a body gave, null resolved, by the model's names."""

    item: Mapping[str, Any] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    own: Mapping[str, Any] = field(default_factory=dict)


class Schema:
    """One resource of an API: its attributes, its wrapper key and its models.

    ``translated``: API name → model name, for the attributes that differ. ``model``: the dataclass whose defaults null
    stands for.
    """

    def __init__(
        self,
        wrapper: str,
        model: type[Any],
        attributes: Sequence[Attribute],
        *,
        translated: Mapping[str, str] | None = None,
    ) -> None:
        names = translated or {}
        self.wrapper = wrapper
        self.attributes: Mapping[str, Attribute] = {
            attribute.name: _named(attribute, names.get(attribute.name, attribute.name), model)
            for attribute in attributes
        }
        self.json_create = self._json(lambda attribute: attribute.post, creation=True)
        self.json_update = self._json(lambda attribute: attribute.put, creation=False)

    @cached_property
    def create(self) -> type[BaseModel]:
        """Of what POST takes."""
        return self._model("Create", lambda attribute: attribute.post, creation=True)

    @cached_property
    def update(self) -> type[BaseModel]:
        """Of what PUT takes."""
        return self._model("Update", lambda attribute: attribute.put, creation=False)

    def parse_create(self, body: object) -> Given:
        """Raises Invalid or Unsupported naming the attribute."""
        return self.split(self._check(self.create, body, creation=True))

    def parse_update(self, body: object) -> Given:
        return self.split(self._check(self.update, body, creation=False))

    def split(self, checked: BaseModel) -> Given:
        """The parts of a checked body; also for objects nested in another's body."""
        parts: dict[Part, dict[str, Any]] = {Part.ITEM: {}, Part.RECORD: {}, Part.OWN: {}}
        for name in checked.model_fields_set:
            attribute = self.attributes[name]
            value = getattr(checked, name)
            if attribute.part is Part.NOWHERE:
                if value is not None and value != attribute.shown:
                    raise _of_no_use(attribute, value)
                continue
            if value is None:
                if attribute.null is Null.ABSENT:
                    continue
                value = attribute.null
            parts[attribute.part][attribute.model] = tuple(value) if isinstance(value, list) else value
        return Given(item=parts[Part.ITEM], record=parts[Part.RECORD], own=parts[Part.OWN])

    def _check(self, model: type[BaseModel], body: object, *, creation: bool) -> BaseModel:
        if not isinstance(body, dict):
            raise Invalid(f"Invalid input for field/attribute {self.wrapper}. Value: '{shown(body)}'. Not an object.")
        inner = unwrap(body, self.wrapper)
        if not isinstance(inner, dict):
            raise Invalid(f"Invalid input for field/attribute {self.wrapper}. Value: '{shown(inner)}'. Not an object.")
        try:
            return model.model_validate(inner)
        except ValidationError as error:
            raise self._refusal(error, model, creation=creation) from error

    def _refusal(self, error: ValidationError, model: type[BaseModel], *, creation: bool) -> Invalid:
        return refusal(error, self.wrapper)

    def _json(self, presence: Callable[[Attribute], In], *, creation: bool) -> JsonSchema:
        """What may stand under the wrapper key."""
        attributes = [each for each in self.attributes.values() if presence(each) is not In.NEVER]
        return {
            "type": "object",
            "properties": {each.name: _json_of(each, creation=creation) for each in attributes},
            "required": [each.name for each in attributes if presence(each) is In.REQUIRED],
            "additionalProperties": False,
        }

    def _model(self, suffix: str, presence: Callable[[Attribute], In], *, creation: bool) -> type[BaseModel]:
        definitions: dict[str, Any] = {}
        for attribute in self.attributes.values():
            if presence(attribute) is In.NEVER:
                continue
            annotation = attribute.type.annotation
            if attribute.takes_null(creation=creation):
                annotation = annotation | None
            required = presence(attribute) is In.REQUIRED
            definitions[attribute.name] = (annotation, ...) if required else (annotation, None)
        config = ConfigDict(extra="forbid", hide_input_in_errors=True)
        name = f"{self.wrapper.title().replace('_', '')}{suffix}"
        return create_model(name, __config__=config, **definitions)


class NeutronSchema(Schema):
    """Refuses in Neutron's words an attribute that is known and may not stand in a body; Octavia calls it unknown."""

    def _refusal(self, error: ValidationError, model: type[BaseModel], *, creation: bool) -> Invalid:
        refused = super()._refusal(error, model, creation=creation)
        name = refused.field
        if name not in self.attributes or name in model.model_fields:
            return refused
        if creation:
            return Invalid(f"Attribute '{name}' not allowed in POST", field=name)
        return Invalid(f"Cannot update read-only attribute {name}", field=name)


def nullable(json: JsonSchema) -> JsonSchema:
    """The same, or null."""
    match json:
        case {"enum": [*values]}:
            return {"enum": [*values, None]}
        case {"type": str(name)}:
            return {**json, "type": [name, "null"]}
        case _:
            return {"anyOf": [json, {"type": "null"}]}


def _json_of(attribute: Attribute, *, creation: bool) -> JsonSchema:
    """What a request may hold for it."""
    null = attribute.takes_null(creation=creation)
    if attribute.part is Part.NOWHERE:
        return {"enum": [*([] if attribute.shown is None else [attribute.shown]), *([None] if null else [])]}
    return nullable(attribute.type.json) if null else attribute.type.json


def unwrap(body: Mapping[str, Any], wrapper: str) -> Any:
    """What stands under the wrapper key, which must be the only one. Raises Invalid."""
    for key in body:
        if key != wrapper:
            raise Invalid(f"Unknown attribute for argument {wrapper}: {shown(key)}")
    if wrapper not in body:
        raise Invalid(f"Invalid input for field/attribute {wrapper}. Value: 'None'. Mandatory field missing.")
    return body[wrapper]


def chosen_project(given: Mapping[str, Any]) -> str | None:
    """The project that a body names under either of its names; both must agree."""
    named = {given[name] for name in ("project_id", "tenant_id") if name in given}
    if len(named) > 1:
        raise Invalid("project_id and tenant_id are not the same.", field="project_id")
    return next(iter(named), None)


_NO_OBJECT = frozenset({"model_type", "model_attributes_type"})


def refusal(error: ValidationError, wrapper: str) -> NotRead:
    """The first thing that pydantic found wrong, in Octavia's words. An unknown attribute comes before a bad value."""
    found = error.errors(include_url=False, include_context=False)
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    name = path_of(first["loc"])
    if first["type"] == "extra_forbidden":
        return NotRead(f"Unknown attribute for argument {wrapper}: {name}", field=name)
    if first["type"] == "missing":
        return NotRead(f"Invalid input for field/attribute {name}. Value: 'None'. Mandatory field missing.", field=name)
    reason = first["msg"].removeprefix("Value error, ").rstrip(".")
    if first["type"] in _NO_OBJECT:  # pydantic names the class that it made one of
        reason = "Not an object"
    return NotRead(f"Invalid input for field/attribute {name}. Value: '{shown(first['input'])}'. {reason}.", field=name)


def path_of(location: Sequence[int | str]) -> str:
    """``listeners[0].default_pool.name`` for a place inside a body."""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{shown(step)}" if path else shown(step)
    return path


def _named(attribute: Attribute, name: str, model: type[Any]) -> Attribute:
    null = attribute.null
    if null is Null.DEFAULT:
        null = _default(model, name)
    return replace(attribute, null=null, model=name)


def _of_no_use(attribute: Attribute, value: object) -> Rejected:
    if attribute.unfit is not None:
        return Invalid(attribute.unfit, field=attribute.name)
    if attribute.foreign is None:
        return unsupported(attribute.name, value)
    identifier = value[0] if isinstance(value, list) else value
    return Invalid(f"{attribute.name}: {attribute.foreign} {shown(identifier)} not found.", field=attribute.name)


def _default(model: type[Any], name: str) -> Any:
    """Raises TypeError at import where the table promises a default that the model has not."""
    for each in fields(model):
        if each.name == name:
            if each.default is not MISSING:
                return each.default
            if each.default_factory is not MISSING:
                return each.default_factory()
    raise TypeError(f"{model.__name__}.{name} has no default that null could stand for")
