"""The control API, once: the server binds these rows, the client calls them.

Law: a GET has no effect, so a client may repeat it; every effect is a POST.
No endpoint takes a path on the daemon's disk.
From this table come routes, access rules, the OpenAPI file and the client's types.
"""

import msgspec

from edged.wire.adapt import (
    Adaptation,
    Device,
    ForceRequest,
    StrategyChanges,
    StrategyChangesRequest,
    StrategyRequest,
)
from edged.wire.changes import (
    Change,
    ChangeRequest,
    Changes,
    ChangesRequest,
    PinRequest,
    SeqRequest,
)
from edged.wire.endpoint import Access, Body, Endpoint
from edged.wire.messages import (
    Changed,
    ConfigView,
    FileSums,
    HearRequest,
    InstallRequest,
    ModelDetail,
    ModelName,
    Models,
    Nothing,
    Status,
    UseRequest,
    Verified,
)
from edged.wire.profiles import ModelProfile, ProfileRequest
from edged.wire.updates import (
    Attempts,
    AttemptsRequest,
    HoldRequest,
    PauseRequest,
    UpdateRequest,
    UpdateScope,
    UpdateStatus,
)

STATUS = Endpoint(
    method="GET",
    path="/v1/status",
    request=Nothing,
    answer=Status,
    access=Access.READ,
    body=Body.NONE,
    summary="Verdict, process, models and standing problems.",
    timeout_s=3.0,
)
MODELS = Endpoint(
    method="GET",
    path="/v1/models",
    request=Nothing,
    answer=Models,
    access=Access.READ,
    body=Body.NONE,
    summary="All models in a line each.",
)
MODEL = Endpoint(
    method="GET",
    path="/v1/models/{name}",
    request=ModelName,
    answer=ModelDetail,
    access=Access.READ,
    body=Body.NONE,
    summary="One model: signature, ladder, releases.",
)
VERIFY = Endpoint(
    method="POST",
    path="/v1/models/{name}/verify",
    request=ModelName,
    answer=Verified,
    access=Access.READ,
    body=Body.JSON,
    summary="Hash the installed files again.",
    timeout_s=120.0,
)
USE = Endpoint(
    method="POST",
    path="/v1/models/{name}/use",
    request=UseRequest,
    answer=Changed,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Make another installed release live.",
    timeout_s=120.0,
)
ROLLBACK = Endpoint(
    method="POST",
    path="/v1/models/{name}/rollback",
    request=ModelName,
    answer=Changed,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Swap the live and the previous release.",
    timeout_s=120.0,
)
LOAD = Endpoint(
    method="POST",
    path="/v1/models/{name}/load",
    request=ModelName,
    answer=Changed,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Load the current release into memory.",
    timeout_s=120.0,
)
UNLOAD = Endpoint(
    method="POST",
    path="/v1/models/{name}/unload",
    request=ModelName,
    answer=Changed,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Release the model's memory; the files stay.",
)
REMOVE = Endpoint(
    method="POST",
    path="/v1/models/{name}/remove",
    request=ModelName,
    answer=Changed,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Unload the model and delete its releases.",
)
INSTALL = Endpoint(
    method="POST",
    path="/v1/install",
    request=InstallRequest,
    answer=Changed,
    access=Access.DELIVER,
    body=Body.TAR,
    summary="Install a release from a tar stream and make it live.",
    timeout_s=600.0,
)
HEAR = Endpoint(
    method="POST",
    path="/v1/models/{name}/hear",
    request=HearRequest,
    answer=Changed,
    access=Access.DELIVER,
    body=Body.TAR,
    summary="Hear from signed metadata which releases of a model were revoked.",
    timeout_s=60.0,
)
CHANGES = Endpoint(
    method="GET",
    path="/v1/changes",
    request=ChangesRequest,
    answer=Changes,
    access=Access.READ,
    body=Body.NONE,
    summary="The newest changes, of one model or of all.",
)
CHANGE = Endpoint(
    method="GET",
    path="/v1/changes/{id}",
    request=ChangeRequest,
    answer=Change,
    access=Access.READ,
    body=Body.NONE,
    summary="One change; waits for news of it where that is asked for.",
    timeout_s=60.0,
)
PROFILE = Endpoint(
    method="GET",
    path="/v1/models/{name}/profile",
    request=ProfileRequest,
    answer=ModelProfile,
    access=Access.READ,
    body=Body.NONE,
    summary="What each variant costs on this box; waits for news if that is asked for.",
    timeout_s=60.0,
)
PROFILE_NOW = Endpoint(
    method="POST",
    path="/v1/models/{name}/profile",
    request=ModelName,
    answer=ModelProfile,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Begin to measure what each variant costs on this box.",
)
COMMIT = Endpoint(
    method="POST",
    path="/v1/models/{name}/commit",
    request=ModelName,
    answer=Changed,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Count a release in probation as good.",
)
PIN = Endpoint(
    method="POST",
    path="/v1/models/{name}/pin",
    request=PinRequest,
    answer=Changed,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Keep a model at its live release.",
)
UNPIN = Endpoint(
    method="POST",
    path="/v1/models/{name}/unpin",
    request=ModelName,
    answer=Changed,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Let a model change again.",
)
QUARANTINE = Endpoint(
    method="POST",
    path="/v1/models/{name}/quarantine",
    request=SeqRequest,
    answer=Changed,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Never activate a release again; go back from it if it is live.",
    timeout_s=120.0,
)
UNQUARANTINE = Endpoint(
    method="POST",
    path="/v1/models/{name}/unquarantine",
    request=SeqRequest,
    answer=Changed,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Let a quarantined release come back.",
)
CONFIG = Endpoint(
    method="GET",
    path="/v1/config",
    request=Nothing,
    answer=ConfigView,
    access=Access.READ,
    body=Body.NONE,
    summary="The settings in force and where each comes from.",
)
DEVICE = Endpoint(
    method="GET",
    path="/v1/device",
    request=Nothing,
    answer=Device,
    access=Access.READ,
    body=Body.NONE,
    summary="What kind of box this is, and what it senses.",
)
STRATEGY = Endpoint(
    method="GET",
    path="/v1/strategy",
    request=StrategyRequest,
    answer=Adaptation,
    access=Access.READ,
    body=Body.NONE,
    summary="The strategy in force, and the headrooms that lead to it; waits for news.",
    timeout_s=60.0,
)
STRATEGY_CHANGES = Endpoint(
    method="GET",
    path="/v1/strategy/changes",
    request=StrategyChangesRequest,
    answer=StrategyChanges,
    access=Access.READ,
    body=Body.NONE,
    summary="The newest changes of strategy, with the figures that caused them.",
)
STRATEGY_FORCE = Endpoint(
    method="POST",
    path="/v1/strategy/force",
    request=ForceRequest,
    answer=Adaptation,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Hold a strategy for a while, whatever the box would choose.",
)
STRATEGY_AUTO = Endpoint(
    method="POST",
    path="/v1/strategy/auto",
    request=Nothing,
    answer=Adaptation,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Let edged choose the strategy again.",
)
UPDATE = Endpoint(
    method="GET",
    path="/v1/update",
    request=UpdateRequest,
    answer=UpdateStatus,
    access=Access.READ,
    body=Body.NONE,
    summary="What the updater does, and why a release was not taken.",
    timeout_s=60.0,
)
UPDATE_HISTORY = Endpoint(
    method="GET",
    path="/v1/update/history",
    request=AttemptsRequest,
    answer=Attempts,
    access=Access.READ,
    body=Body.NONE,
    summary="The newest attempts to update, and how they ended.",
)
UPDATE_CHECK = Endpoint(
    method="POST",
    path="/v1/update/check",
    request=UpdateScope,
    answer=UpdateStatus,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Ask the sources now.",
    timeout_s=120.0,
)
UPDATE_NOW = Endpoint(
    method="POST",
    path="/v1/update/now",
    request=UpdateScope,
    answer=UpdateStatus,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Ask now, and take what is new whatever the window or the roll-out say.",
    timeout_s=120.0,
)
UPDATE_PAUSE = Endpoint(
    method="POST",
    path="/v1/update/pause",
    request=PauseRequest,
    answer=UpdateStatus,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Fetch nothing, for a time or until it is resumed.",
)
UPDATE_RESUME = Endpoint(
    method="POST",
    path="/v1/update/resume",
    request=UpdateScope,
    answer=UpdateStatus,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Lift a pause, or a hold.",
)
UPDATE_HOLD = Endpoint(
    method="POST",
    path="/v1/update/hold",
    request=HoldRequest,
    answer=UpdateStatus,
    access=Access.ADMIN,
    body=Body.JSON,
    summary="Take no release of a model, or of any, until a date.",
)
FILES = Endpoint(
    method="GET",
    path="/v1/files",
    request=Nothing,
    answer=FileSums,
    access=Access.READ,
    body=Body.NONE,
    summary="The sha256 of every installed file: what need not be sent again.",
)

#: What the updater answers, wherever it runs: the daemon, or `edged-updater`.
UPDATES: tuple[Endpoint[msgspec.Struct, msgspec.Struct], ...] = (
    UPDATE,
    UPDATE_HISTORY,
    UPDATE_CHECK,
    UPDATE_NOW,
    UPDATE_PAUSE,
    UPDATE_RESUME,
    UPDATE_HOLD,
)  # type: ignore[assignment]  # rows are invariant in Q and A; the tables only read

_DAEMON: tuple[Endpoint[msgspec.Struct, msgspec.Struct], ...] = (
    STATUS,
    MODELS,
    MODEL,
    VERIFY,
    USE,
    ROLLBACK,
    LOAD,
    UNLOAD,
    REMOVE,
    INSTALL,
    HEAR,
    CHANGES,
    CHANGE,
    PROFILE,
    PROFILE_NOW,
    COMMIT,
    PIN,
    UNPIN,
    QUARANTINE,
    UNQUARANTINE,
    CONFIG,
    DEVICE,
    STRATEGY,
    STRATEGY_CHANGES,
    STRATEGY_FORCE,
    STRATEGY_AUTO,
    FILES,
)  # type: ignore[assignment]  # as above

#: Everything that the daemon's control socket answers.
TABLE = (*_DAEMON, *UPDATES)
