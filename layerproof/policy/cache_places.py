"""Where the entries of `cache-to` write."""

from __future__ import annotations

import posixpath
import re

from layerproof.references import normalize_reference

_EXPRESSION = re.compile(r"\$\{\{[^}]*\}\}")
# What has one value in all jobs of a repository: ${{github.repository}}, ${{vars.REGISTRY}}, $CI_REGISTRY_IMAGE
_SAME_EVERYWHERE = re.compile(
    r"\$\{\{(github\.(?!job|workflow|action)|vars\.|secrets\.)[\w.]+\}\}"
    r"|\$\{?(GITHUB_(?!JOB|WORKFLOW|ACTION)|CI_(?!JOB))\w+\}?"
)


def cache_place(text: str) -> str:
    """Where an entry of cache-to writes, as a message names it; "" for nowhere, and for what cannot be told."""
    text = text.strip("\"'")
    fields = {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in text.split(","))}
    kind = fields.get("type", "")
    if not kind and "=" not in text and not _EXPRESSION.fullmatch(text):
        return f"ref {normalize_reference(text)}"
    if kind == "gha":
        return f"scope {fields.get('scope') or 'buildkit'}"
    if kind == "registry" and fields.get("ref"):
        return f"ref {normalize_reference(fields['ref'])}"
    if kind == "local" and fields.get("dest"):
        return f"folder {posixpath.normpath(fields['dest'])}"
    if kind in ("s3", "azblob"):
        bucket = fields.get("bucket") or fields.get("account_url") or ""
        return f"{kind} {posixpath.join(bucket, fields.get('prefix', ''), fields.get('name') or 'buildkit')}"
    return ""


def has_variable(text: str) -> bool:
    """Whether a text may mean something else in another job or another run of a matrix."""
    return "$" in _SAME_EVERYWHERE.sub("", text)
