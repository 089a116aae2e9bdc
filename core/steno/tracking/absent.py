"""What MLflow has and steno has not, and what to write instead: the words of an AttributeError."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["advice"]

_REGISTRY = "steno has no model registry yet: keep the model's URI, log_model(...).model_uri, which load_model takes"
_SEARCH_MODELS = (
    "steno searches runs: steno.search_runs(..., output_format='list'), then "
    "steno.get_logged_model(output.model_id) for each of run.outputs.model_outputs"
)
_MAKE_MODEL = "a model is logged by its flavor: steno.sklearn.log_model(model, name='model')"
_TRACES = "steno records trainings and no traces of language models; a tracing tool runs beside it"
_EVALUATE = "score by your framework and record it: steno.log_metrics({...}), steno.log_table(data, 'predictions.json')"
_SYSTEM = "steno records no system metrics yet; log your own with steno.log_metric"
_PROMPTS = "steno keeps no prompts: keep one as a file, steno.log_text(prompt, 'prompt.txt')"
_WORKSPACES = "steno has no workspaces: a store for each, steno.set_tracking_uri('./team-a')"
_PROJECTS = "steno runs no projects: start the script itself, python train.py"
_CHECKPOINTS = "log the files of a checkpoint: steno.log_artifacts(folder, 'checkpoint')"
_GATEWAY = "steno has no gateway to language models"
_MODEL_PARAMS = "params belong to the run that made the model: steno.log_params({...})"
_DATASETS = "steno keeps no evaluation datasets; what a run used is recorded by steno.log_input(data, context='eval')"
_MODEL_LINK = "a run's outputs are the models that its log_model calls saved"

_EXACT: Mapping[str, str] = {
    "ActiveModel": _MAKE_MODEL,
    "clear_active_model": _MAKE_MODEL,
    "client": "write steno.Client or steno.MlflowClient",
    "context": _TRACES,
    "create_external_model": _MAKE_MODEL,
    "create_logged_model": _MAKE_MODEL,
    "delete_logged_model": "a logged model goes with its run: steno.delete_run(model.source_run_id)",
    "delete_logged_model_tag": "set the tag to another value: steno.set_logged_model_tags(model_id, {key: ''})",
    "doctor": "steno.status() says what is watched and why, and `steno integrations` prints it",
    "evaluate": _EVALUATE,
    "finalize_logged_model": _MAKE_MODEL,
    "gateway": _GATEWAY,
    "genai": _TRACES,
    "get_active_model_id": _MAKE_MODEL,
    "get_registry_uri": _REGISTRY,
    "import_checkpoints": _CHECKPOINTS,
    "initialize_logged_model": _MAKE_MODEL,
    "last_logged_model": "steno.get_logged_model(steno.last_active_run().outputs.model_outputs[-1].model_id)",
    "log_model_artifact": "write what belongs to a model before it is logged; other files go to steno.log_artifact",
    "log_model_artifacts": "write what belongs to a model before it is logged; other files go to steno.log_artifacts",
    "log_model_params": _MODEL_PARAMS,
    "log_outputs": _MODEL_LINK,
    "login": "steno needs no login; the URI of a database holds its user: postgresql+psycopg://user@host/db",
    "metrics": _EVALUATE,
    "projects": _PROJECTS,
    "run": _PROJECTS,
    "search_logged_models": _SEARCH_MODELS,
    "set_active_model": _MAKE_MODEL,
    "set_registry_uri": _REGISTRY,
    "test": _EVALUATE,
    "trace": _TRACES,
    "tracing": _TRACES,
    "types": "signatures are in steno.models: steno.models.infer_signature(X, y)",
    "utils": "steno has no public utilities of MLflow's",
    "validate_evaluation_results": _EVALUATE,
}
_FAMILIES = (
    (r"prompt", _PROMPTS),
    (r"trace|span|session|assessment|feedback|expectation|issue|scorer", _TRACES),
    (r"dataset", _DATASETS),
    (r"workspace", _WORKSPACES),
    (r"system_metrics", _SYSTEM),
    (r"model_version|registered_model|register_model|latest_versions|download_uri", _REGISTRY),
    (r"mcp_|gateway|webhook|budget|guardrail|endpoint|secret", _GATEWAY),
)
_VERB = re.compile(
    r"^(?:add|attach|copy|create|delete|detach|disable|enable|end|flush|get|link|list|load|log|override|parse|refresh|register|remove|"
    r"rename|search|set|start|test|transition|unlink|update|upsert)_"
)


def advice(name: str) -> str | None:
    """What to write instead of a name of MLflow's; None if MLflow has no such name, or steno has something like it."""
    if name in _EXACT:
        return _EXACT[name]
    if _VERB.match(name):
        return next((text for words, text in _FAMILIES if re.search(words, name)), None)
    return None
