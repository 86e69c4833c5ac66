"""Dialects: one wire format each, both directions, pure. The list of what is spoken stands here."""

from headgate.dialects.anthropic import AnthropicMessages, CountTokens
from headgate.dialects.base import Dialect
from headgate.dialects.completions import Completions
from headgate.dialects.media import Images, Moderations
from headgate.dialects.media_audio import Speech, Transcriptions, Translations
from headgate.dialects.openai import OpenAIChat
from headgate.dialects.openai_embeddings import Embeddings
from headgate.dialects.rerank import Rerank
from headgate.dialects.responses import CountInput, Responses

openai_chat = OpenAIChat()
openai_responses = Responses()
openai_completions = Completions()
anthropic_messages = AnthropicMessages()
count_tokens = CountTokens()
count_input = CountInput()
embeddings = Embeddings()
rerank = Rerank()
moderations = Moderations()
images = Images()
speech = Speech()
transcriptions = Transcriptions()
translations = Translations()

DIALECTS: dict[str, Dialect] = {
    one.name: one
    for one in (
        *(openai_chat, openai_responses, openai_completions, anthropic_messages),
        *(count_tokens, count_input, embeddings, rerank),
        *(moderations, images, speech, transcriptions, translations),
    )
}
