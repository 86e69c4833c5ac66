"""Managers of secrets: who keeps what a reference in the configuration names, see ``core.reference``."""

from headgate.config.managers.aws import Aws
from headgate.config.managers.azure import Azure
from headgate.config.managers.google import Google
from headgate.config.managers.types import Manager
from headgate.config.managers.vault import Vault

MANAGERS: dict[str, type[Manager]] = {
    "vault": Vault,
    "aws-secretsmanager": Aws,
    "gcp-secretmanager": Google,
    "azure-keyvault": Azure,
}
"""By the word before the colon; how each is written, see ``core.reference.FORMS``."""
