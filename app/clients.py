"""The clients of the systems that we ask, made from the settings."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import httpx
from pydantic import AnyHttpUrl
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.alertmanager import Alertmanager
from app.adapters.determined import Determined
from app.adapters.determined_session import Session
from app.adapters.prometheus import Prometheus
from app.adapters.slack import Links, SlackMessenger
from app.lookout import Systems
from app.settings import Settings, read_secret
from app.telemetry import Telemetry
