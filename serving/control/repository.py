"""RepositoryIndex, RepositoryModelLoad, RepositoryModelUnload.

Models are loaded by their name in the repository, never by a path and never with a
configuration from the wire.
"""

from __future__ import annotations

import asyncio

from seom.pb.inference import grpc_service_pb2 as pb
from serving.cluster.deploy import deploy, undeploy
from serving.control.models import Models
from serving.errors import Internal, InvalidArgument, PermissionDenied, ServingError
from serving.replica.call import Call


class RepositoryOperations:
    """What an admin may do to the set of served models."""

    def __init__(self, models: Models, secret: str) -> None:
        self._models = models
        self._secret = secret

    async def index(
        self, request: pb.RepositoryIndexRequest, call: Call
    ) -> pb.RepositoryIndexResponse:
        _only_repository(request.repository_name)
        response = pb.RepositoryIndexResponse()
        for model in (await self._models.all()).values():
            if call.allows(model.config.application) and (model.ready or not request.ready):
                response.models.add(
                    name=model.config.name,
                    version=model.config.version,
                    state=model.state.value,
                    reason=model.reason,
                )
        return response

    async def load(self, request: pb.RepositoryModelLoadRequest, call: Call) -> None:
        """Deploys a model, or deploys it anew; returns when it is ready.

        Raises NotFound, PermissionDenied, InvalidArgument for configuration overrides.
        """
        self._check(request, call)
        self._models.invalidate()
        model = await self._models.find(request.model_name)
        try:
            await asyncio.to_thread(deploy, [model.config], self._secret)
        except ServingError:
            raise
        except RuntimeError:
            raise Internal(
                f"model {request.model_name!r} did not become ready; `seom logs` says why",
                reason="LOAD_FAILED",
            ) from None
        finally:
            self._models.invalidate()

    async def unload(self, request: pb.RepositoryModelUnloadRequest, call: Call) -> None:
        """Takes a model out of service; its running calls end first."""
        self._check(request, call)
        model = await self._models.find(request.model_name)
        await asyncio.to_thread(undeploy, model.config.application)
        self._models.invalidate()

    def _check(
        self,
        request: pb.RepositoryModelLoadRequest | pb.RepositoryModelUnloadRequest,
        call: Call,
    ) -> None:
        if "admin" not in call.scopes:
            raise PermissionDenied("this token lacks the scope `admin`", reason="SCOPE_MISSING")
        _only_repository(request.repository_name)
        if not request.model_name:
            raise InvalidArgument.field("model_name", "is empty; name the model")
        call.require(request.model_name)
        allowed = {"unload_dependents"}
        problems = {
            f"parameters[{name}]": "is not accepted: models are configured in the repository"
            for name in request.parameters
            if name not in allowed
        }
        if problems:
            raise InvalidArgument("load takes no configuration", fields=problems)


def _only_repository(name: str) -> None:
    if name:
        raise InvalidArgument.field("repository_name", "there is one repository; leave it empty")
