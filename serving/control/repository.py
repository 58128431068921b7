"""RepositoryIndex, RepositoryModelLoad, RepositoryModelUnload.

Models are loaded by their name in the repository, never by a path and never with a
configuration from the wire.
"""

from __future__ import annotations

from seom.pb.inference import grpc_service_pb2 as pb
from serving.cluster.deploy import adopt, deploy, undeploy
from serving.control.models import Models, ModelState, sees
from serving.errors import (
    FailedPrecondition,
    Internal,
    InvalidArgument,
    PermissionDenied,
    Unavailable,
)
from serving.replica.call import Call


class RepositoryOperations:
    """What an admin may do to the set of served models."""

    def __init__(self, models: Models, secret: str) -> None:
        self._models = models
        self._secret = secret
        self._loading: set[str] = set()

    async def index(
        self, request: pb.RepositoryIndexRequest, call: Call
    ) -> pb.RepositoryIndexResponse:
        _only_repository(request.repository_name)
        response = pb.RepositoryIndexResponse()
        for model in (await self._models.all()).values():
            if sees(call, model) and (model.ready or not request.ready):
                response.models.add(
                    name=model.config.name,
                    version=model.config.version,
                    state=model.state.value,
                    reason=model.reason,
                )
        return response

    async def load(self, request: pb.RepositoryModelLoadRequest, call: Call) -> None:
        """Deploys a model, or deploys it anew; returns when it is ready.

        Where all that is new can be taken on by the replicas that run, adapters for one,
        they go on running.

        Raises NotFound, PermissionDenied, InvalidArgument for configuration overrides,
        FailedPrecondition while a model.yaml or an adapter is broken, Unavailable while the
        same model is being loaded already.
        """
        model = await self._model(request, call)
        if not self._models.intact:
            raise FailedPrecondition(
                "a model.yaml of the repository has errors; `seom models` names them",
                reason="REPOSITORY_INVALID",
            )
        name = model.config.application
        if name in self._loading:
            raise Unavailable(f"{name} is being loaded", reason="LOADING", retry_after=1.0)
        self._loading.add(name)
        try:
            if not await adopt(model.config, self._secret):
                await deploy([model.config], self._secret)
        except RuntimeError:
            raise Internal(
                f"model {name!r} did not become ready; `seom logs` says why", reason="LOAD_FAILED"
            ) from None
        finally:
            self._loading.discard(name)
            self._models.invalidate()

    async def unload(self, request: pb.RepositoryModelUnloadRequest, call: Call) -> None:
        """Takes a model out of service; its running calls may still be ending."""
        model = await self._model(request, call)
        try:
            await undeploy(model.config.application)
        finally:
            self._models.invalidate()

    async def _model(
        self,
        request: pb.RepositoryModelLoadRequest | pb.RepositoryModelUnloadRequest,
        call: Call,
    ) -> ModelState:
        """The model an admin names, as the folders have it now."""
        if "admin" not in call.scopes:
            raise PermissionDenied("this token lacks the scope `admin`", reason="SCOPE_MISSING")
        _only_repository(request.repository_name)
        if not request.model_name:
            raise InvalidArgument.field("model_name", "is empty; name the model")
        allowed = {"unload_dependents"}
        problems = {
            f"parameters[{name}]": "is not accepted: models are configured in the repository"
            for name in request.parameters
            if name not in allowed
        }
        if problems:
            raise InvalidArgument("load takes no configuration", fields=problems)
        self._models.invalidate()
        return await self._models.find(request.model_name, "", call)


def _only_repository(name: str) -> None:
    if name:
        raise InvalidArgument.field("repository_name", "there is one repository; leave it empty")
