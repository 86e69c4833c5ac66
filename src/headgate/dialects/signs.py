"""Words by which a request says more than its text does, in the dialects that have them: names of fields, and types.

Who looks for one takes it from here: a body in which none of these stands is told with one look (``json_guard``).
"""

LINKS = frozenset(
    b"url image_url file_url document_url video_url audio_url input_video s3Location"
    b" file_id file_uri fileUri item_reference".split()
)
"""What is only named, and read in full by a provider."""
PICTURES = frozenset(b"image_url input_image image inlineData inline_data".split())
SCHEMAS = frozenset(b"json_schema responseSchema responseJsonSchema".split())
RESULTS = frozenset(b"tool_result function_call_output functionResponse toolResult".split())
"""Of tools; in Chat Completions it is the role ``tool``."""
OBJECTS = frozenset(b"file_id file_ids input_file_id fileUri file_uri item_reference".split())
"""Below the top level, by which a request names what its provider keeps."""
ANY = LINKS | PICTURES | SCHEMAS | RESULTS | OBJECTS | {b"tool"}
ESCAPE = b"\\u00"
"""How a letter begins that is written by its number."""


def quoted(words: frozenset[bytes]) -> tuple[bytes, ...]:
    """Return *words* as they stand in a body."""
    return tuple([b'"%b"' % word for word in sorted(words)])
