"""model.yaml, parsed once into frozen, validated configuration.

    model_repo/<profile>/<name>/model.yaml     the model's name is its folder
    model_repo/<profile>/<name>/1/<weights>    one folder a version, as Triton has it

Keys common to all families are here; what is left belongs to the family, whose
`Options` validates it. A key nobody knows is an error that names the file, the key
and what is allowed.
"""

from __future__ import annotations

import hashlib
import importlib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
)

from serving.errors import InvalidArgument

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
PROFILES = ("reference", "cpu", "gpu")
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


class ConfigError(Exception):
    """A model.yaml that cannot be used; the message names the file and every bad key."""


def _quantity(value: object) -> object:
    """`20MiB`, `24M` or a plain number to an integer."""
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(|k|M|G|KiB|MiB|GiB)B?", value)
        if not match:
            raise ValueError(f"{value!r} is no quantity; write 24M, 20MiB or a plain number")
        return int(float(match[1]) * _UNITS[match[2]])
    return value


Quantity = Annotated[int, BeforeValidator(_quantity), Field(gt=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# Relative, and no part of it begins with a dot.
_PART = "[A-Za-z0-9][A-Za-z0-9._-]*"
FilePath = Annotated[str, Field(pattern=rf"^{_PART}(/{_PART})*$")]


class Section(BaseModel):
    """A part of model.yaml: immutable, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Weights(Section):
    """One file of one version: `file` is relative to the model's folder (`1/model.onnx`).

    part: which of a version's files it is, where a family takes several
    """

    part: str = Field(default="", pattern=r"^([a-z][a-z0-9_]*)?$")
    file: str = Field(pattern=r"^[1-9][0-9]*/[A-Za-z0-9][A-Za-z0-9._-]*$")
    sha256: Sha256 | None = None
    url: str | None = Field(default=None, pattern=r"^https://")
    licence: str | None = None

    @property
    def version(self) -> str:
        return self.file.split("/")[0]


class CheckpointFile(Weights):
    """One of a Checkpoint's files; `together` is theirs alone, for they must lie together."""

    part: str
    file: str
    together: str


class Checkpoint(Section):
    """One version whose weights are a folder: config.json, tokenizer, tensors, as Hugging
    Face lays them out.

    folder: the version
    files: the sha256 of each file, by its path in the folder; a folder without `files` is
        taken as it lies there
    url: where the files are upstream, at a revision that does not move
    """

    folder: str = Field(pattern=r"^[1-9][0-9]*$")
    files: dict[FilePath, Sha256] = Field(default={}, max_length=1000)
    url: str | None = Field(default=None, pattern=r"^https://.*[^/]$")
    licence: str | None = None

    @property
    def version(self) -> str:
        return self.folder

    def each(self) -> tuple[Weights, ...]:
        """Its files one by one; the part is the path."""
        listed = "\n".join(f"{path} {sha256}" for path, sha256 in sorted(self.files.items()))
        together = hashlib.sha256(listed.encode()).hexdigest()
        return tuple(
            CheckpointFile(
                part=path,
                file=f"{self.folder}/{path}",
                sha256=sha256,
                url=self.url and f"{self.url}/{path}",
                licence=self.licence,
                together=together,
            )
            for path, sha256 in self.files.items()
        )


def _kind(value: object) -> str:
    """Tags begin with a capital, by which error messages leave them out."""
    return "Checkpoint" if isinstance(value, dict) and "folder" in value else "Weights"


Entry = Annotated[
    Annotated[Weights, Tag("Weights")] | Annotated[Checkpoint, Tag("Checkpoint")],
    Discriminator(_kind),
]


class Batching(Section):
    """Rows computed together, and how long the first of them may wait for others."""

    max_batch_size: int = Field(default=1, ge=1, le=1024)
    max_queue_delay_ms: float = Field(default=0.0, ge=0, le=1000)


class Resources(Section):
    """What one replica takes; `cpus` is also the number of compute threads."""

    replicas: int = Field(default=1, ge=1, le=1000)
    cpus: float = Field(default=1.0, gt=0)
    gpus: float = Field(default=0.0, ge=0)


class Limits(Section):
    """Where a replica says no: waiting requests, a picture's bytes, pixels and decoding, time.

    deadline_s: of a unary call, or one message of a stream; stream_s: of an answer that is
    streamed as it grows
    """

    queue: int = Field(default=64, ge=1)
    image_bytes: Quantity = 20 * 2**20
    pixels: Quantity = 24 * 10**6
    decode_s: float = Field(default=5.0, gt=0, le=600)
    deadline_s: float = Field(default=60.0, gt=0, le=3600)
    stream_s: float = Field(default=600.0, gt=0, le=86400)


class _Common(Section):
    """The keys every model.yaml may have."""

    family: str = Field(pattern=r"^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$")
    weights: Entry | tuple[Entry, ...] = ()
    versions: Literal["latest", "all"] = "latest"
    batching: Batching = Batching()
    resources: Resources = Resources()
    limits: Limits = Limits()
    default: bool = False
    enabled: bool = True


class ModelConfig(BaseModel):
    """One version of one model, ready to be deployed."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    name: str
    version: str
    latest: bool
    profile: str
    folder: Path
    family: str
    weights: tuple[Weights, ...]
    batching: Batching
    resources: Resources
    limits: Limits
    default: bool
    enabled: bool
    options: Any

    @property
    def application(self) -> str:
        """The Ray Serve application: the bare name for the latest version."""
        return self.name if self.latest else f"{self.name}@{self.version}"


def versioned(name: str, version: str) -> str:
    """`name@version` of a client's two words for a model; a bare name is the latest.

    Raises InvalidArgument when both name a version and disagree.
    """
    base, at, inline = name.partition("@")
    if at and version and inline != version:
        raise InvalidArgument.field("model_version", f"is {version}, but the name says {inline}")
    return f"{base}@{version}" if version else name


def family_module(family: str) -> str:
    """`detection` is ours; `package.module` is somebody else's."""
    return family if "." in family else f"serving.models.{family}"


def read(path: Path, profile: str) -> tuple[ModelConfig, ...]:
    """Parses one model.yaml: the latest version first, then the others it serves.

    Raises ConfigError.
    """
    name = path.parent.name
    if not NAME.fullmatch(name):
        raise ConfigError(f"{path}: the folder {name!r} is no model name ({NAME.pattern})")
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: not readable as YAML: {error}") from None
    if not isinstance(raw, dict):
        raise ConfigError(f"{path}: must be a mapping that has at least the key `family`")

    common = _validate(path, _Common, {k: v for k, v in raw.items() if k in _Common.model_fields})
    options_type = _family_options(path, common.family)
    known = set(_Common.model_fields) | set(options_type.model_fields)
    if unknown := sorted(str(key) for key in raw if key not in known):
        raise ConfigError(
            f"{path}: unknown key{'s' * (len(unknown) > 1)} {', '.join(unknown)}; "
            f"allowed for family {common.family}: {', '.join(sorted(known))}"
        )
    own = {k: v for k, v in raw.items() if k not in _Common.model_fields}
    options = _validate(path, options_type, own)

    every = common.weights if isinstance(common.weights, tuple) else (common.weights,)
    versions: dict[str, dict[str, Weights]] = {}
    for entry in every:
        parts = versions.setdefault(entry.version, {})
        if isinstance(entry, Checkpoint) and parts:
            raise ConfigError(
                f"{path}: weights: a folder is all there is of version {entry.version}"
            )
        for weights in entry.each() if isinstance(entry, Checkpoint) else (entry,):
            if parts.setdefault(weights.part, weights) is not weights:
                raise ConfigError(f"{path}: weights: two entries of one version and one `part`")
    ordered = sorted(versions, key=int, reverse=True) or ["1"]
    return tuple(
        ModelConfig(
            name=name,
            version=version,
            latest=index == 0,
            profile=profile,
            folder=path.parent,
            family=common.family,
            weights=tuple(versions.get(version, {}).values()),
            batching=common.batching,
            resources=common.resources,
            limits=common.limits,
            default=common.default,
            enabled=common.enabled,
            options=options,
        )
        for index, version in enumerate(ordered)
        if index == 0 or common.versions == "all"
    )


def _family_options(path: Path, family: str) -> type[BaseModel]:
    try:
        module = importlib.import_module(family_module(family))
        options: type[BaseModel] = module.Options
    except ModuleNotFoundError:
        ours = importlib.import_module("serving.models")
        known = sorted(
            entry.name
            for folder in ours.__path__
            for entry in Path(folder).iterdir()
            if (entry / "__init__.py").exists()
        )
        raise ConfigError(
            f"{path}: family: {family!r} is unknown; ours are {', '.join(known)}, "
            "a third party's is written package.module"
        ) from None
    except AttributeError:
        raise ConfigError(f"{path}: family: {family!r} has no `Options`") from None
    return options


def _validate(path: Path, section: type[Any], raw: dict[str, Any]) -> Any:
    try:
        return section.model_validate(raw)
    except ValidationError as error:
        problems = [_explain(section, problem) for problem in error.errors()]
        raise ConfigError(f"{path}: " + "; ".join(problems)) from None


def _explain(section: type[BaseModel], problem: Any) -> str:
    place = [part for part in problem["loc"] if not str(part)[:1].isupper()]
    key = ".".join(map(str, place)) or "the file"
    if problem["type"] == "extra_forbidden":
        allowed = _fields_at(section, [str(part) for part in place[:-1]])
        return f"unknown key {key}; allowed: {', '.join(sorted(allowed))}"
    return f"{key}: {problem['msg'].removeprefix('Value error, ')}"


def _fields_at(section: type[BaseModel], place: list[str]) -> list[str]:
    """The keys allowed at a place of model.yaml, following nested sections."""
    for part in place:
        if part.isdigit() or part not in section.model_fields:
            continue
        annotation = section.model_fields[part].annotation
        options = [annotation, *getattr(annotation, "__args__", ())]
        nested = [o for o in options if isinstance(o, type) and issubclass(o, BaseModel)]
        if nested:
            section = nested[0]
    return list(section.model_fields)
