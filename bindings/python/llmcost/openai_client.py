"""from llmcost import OpenAI: the one line that changes."""

import os
from typing import Any, Mapping, Optional

from .client import Client, Config
from .openai_style import provider_config


class OpenAI(Client):
    """OpenAI's SDK's client for chat completions and embeddings, with a receipt for each.

    Either the SDK's own arguments (one provider, OpenAI or whoever speaks its dialect at
    base_url), or `config`: any providers, routes, budgets and caches, as for Client.
    """

    def __init__(
        self,
        *,
        api_key: Optional[str] = None,
        base_url: Optional[str] = None,
        organization: Optional[str] = None,
        project: Optional[str] = None,
        timeout: Optional[float] = None,
        max_retries: Optional[int] = None,
        default_headers: Optional[Mapping[str, str]] = None,
        config: Config = None,
        **hooks: Any,
    ) -> None:
        own = (api_key, base_url, organization, project, timeout, max_retries, default_headers)
        if config is not None and any(value is not None for value in own):
            raise TypeError("config says who answers: leave the other arguments out, or config")
        self._prefix = ""
        if config is None:
            self._prefix = "openai/"
            base_url = base_url or os.environ.get("OPENAI_BASE_URL")
            config = provider_config(api_key, base_url, *own[2:])
        super().__init__(config, **hooks)

    def _target(self, model: str) -> str:
        """With one provider every name is that provider's, also one that no catalog knows."""
        return self._prefix + model
