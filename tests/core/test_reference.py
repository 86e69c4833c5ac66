"""How references to secrets are written, and what is said of those that are nearly so."""

import pytest

from headgate.core.reference import FORMS, Reference, reference, refers

ARN = "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:headgate/openai-AbCdEf"
GOOD = [
    ("vault", "secret/data/headgate", "openai"),
    ("vault", "a.b/team-1/data/x_y@z", "API key".replace(" ", "_")),
    ("vault", "secret/data/headgate?version=12", "openai"),
    ("vault", "kv/x", "päth"),
    ("aws-secretsmanager", "headgate/openai", ""),
    ("aws-secretsmanager", "rds!db-1234", "password"),
    ("aws-secretsmanager", ARN, ""),
    ("aws-secretsmanager", ARN, "k"),
    ("gcp-secretmanager", "projects/my-project/secrets/open_AI-1", ""),
    ("gcp-secretmanager", "projects/12345/secrets/s/versions/7", "k"),
    ("gcp-secretmanager", "projects/example.com:p/locations/europe-west4/secrets/s/versions/latest", ""),
    ("azure-keyvault", "https://my-vault.vault.azure.net/secrets/openai", ""),
    ("azure-keyvault", "https://my-vault.vault.azure.cn/secrets/openai/0123456789abcdef", "k"),
    ("azure-keyvault", "http://127.0.0.1:8081/secrets/a", ""),
]


@pytest.mark.parametrize(("scheme", "target", "field"), GOOD)
def test_what_is_one_is_read_and_written_alike(scheme: str, target: str, field: str) -> None:
    text = f"{scheme}:{target}" + (f"#{field}" if field else "")
    found = reference(text)
    assert found == Reference(scheme, target, field) and str(found) == text and refers(text)


@pytest.mark.parametrize(
    "text",
    ["", "sk-proj-abc", "user:password", "file:/x", "a:b#c", "hvs.CAES", "AKIA:x", "${X}", "https://h/x", "Bearer: x",
     "fall:x", "arn:aws:secretsmanager:x", "postgresql://u:p@h/d", "smtp://u:p@h", "id=transit:https://v/t/k"],
)  # fmt: skip
def test_a_secret_is_no_reference(text: str) -> None:
    assert reference(text) is None and not refers(text)


@pytest.mark.parametrize(
    ("text", "manager"),
    [
        ("vault:", "HashiCorp Vault"),
        ("vault:secret/data/canary", "HashiCorp Vault"),
        ("vault:canary#k", "HashiCorp Vault"),
        ("vault:/secret/data/canary#k", "HashiCorp Vault"),
        ("vault:https://vault:8200/v1/secret/data/canary#k", "HashiCorp Vault"),
        ("vault:secret/../sys/canary#k", "HashiCorp Vault"),
        ("vault:secret/data/canary?x=1#k", "HashiCorp Vault"),
        ("vault:secret/data/can\r\nary#k", "HashiCorp Vault"),
        ("vault:secret/data/canary#k\n", "HashiCorp Vault"),
        ("vault:secret/data/canary%2f..#k", "HashiCorp Vault"),
        ("aws-secretsmanager:", "AWS Secrets Manager"),
        ("aws-secretsmanager:can ary", "AWS Secrets Manager"),
        ("aws-secretsmanager:arn:aws:s3:::canary", "AWS Secrets Manager"),
        ("gcp-secretmanager:canary", "Google Secret Manager"),
        ("gcp-secretmanager:projects/p/secrets/canary/versions/", "Google Secret Manager"),
        ("gcp-secretmanager:projects/../secrets/canary", "Google Secret Manager"),
        ("azure-keyvault:canary", "Azure Key Vault"),
        ("azure-keyvault:http://canary.vault.azure.net/secrets/a", "Azure Key Vault"),
        ("azure-keyvault:https://u:canary@v.vault.azure.net/secrets/a", "Azure Key Vault"),
        ("azure-keyvault:https://canary.vault.azure.net/keys/a", "Azure Key Vault"),
    ],
)
def test_what_is_nearly_one_is_refused_with_its_form_and_not_repeated(text: str, manager: str) -> None:
    with pytest.raises(ValueError, match=f"is no reference to {manager}: it is written ") as refused:
        reference(text)
    assert "canary" not in str(refused.value) and refers(text)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("Vault", "vault"),
        ("valut", "vault"),
        ("hashicorp-vault", "vault"),
        ("aws-secretmanager", "aws-secretsmanager"),
        ("aws_secrets_manager", "aws-secretsmanager"),
        ("gcp-secretsmanager", "gcp-secretmanager"),
        ("google-secretmanager", "gcp-secretmanager"),
        ("azure-key-vault", "azure-keyvault"),
        ("azurekeyvault", "azure-keyvault"),
    ],
)
def test_a_word_that_is_nearly_right_is_told_the_right_one(word: str, meant: str) -> None:
    with pytest.raises(ValueError, match=f"did you mean `{meant}:`") as refused:
        reference(f"{word}:canary/data/x#k")
    assert "canary" not in str(refused.value)


def test_the_example_of_each_form_is_one() -> None:
    for form in FORMS.values():
        example = form.words.partition(" ")[0].rstrip(",")
        assert reference(example) is not None
