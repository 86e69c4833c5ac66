"""Dialects: one wire format each, both directions, pure. The list of what is spoken stands here."""

from headgate.dialects.anthropic import AnthropicMessages, CountTokens
from headgate.dialects.base import Dialect
from headgate.dialects.completions import Completions
from headgate.dialects.gemini import Gemini, GeminiArray
from headgate.dialects.gemini_count import CountGemini
from headgate.dialects.gemini_embed import EmbedContent, GeminiEmbeddings
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
gemini = Gemini()
gemini_array = GeminiArray()
count_gemini = CountGemini()
gemini_embeddings: Gemini = GeminiEmbeddings()
embed_content: Gemini = EmbedContent()
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
        *(gemini, gemini_array, count_gemini, gemini_embeddings, embed_content),
        *(moderations, images, speech, transcriptions, translations),
    )
}
