"""``/metrics``: when agencies spoke, by type, can tell when somebody graduated, so it has a port of its own wherever
others can reach the API (``IEUM_METRICS_PORT``; production insists). On a laptop it stands beside the API."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.responses import PlainTextResponse, Response

from shared.kit.base import metrics
from shared.kit.web import problems
from shared.kit.web.middleware import Outermost
from shared.kit.web.route_bounds import PROBE, Router, bounded


def metrics_routes() -> APIRouter:
    routes = Router(tags=["operation"])

    @routes.get("/metrics", summary="Prometheus metrics", response_class=PlainTextResponse)
    @bounded(PROBE)
    async def exposition() -> Response:
        body, media_type = metrics.exposition()
        return Response(body, headers={"content-type": media_type})

    return routes


def metrics_app() -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(Outermost)
    problems.install(app)
    app.include_router(metrics_routes())
    return app
