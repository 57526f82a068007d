"""The document's own example, letter for letter: what it sends to add-model, and what it says comes back."""

from typing import Any

REQUEST = """{
"model_saved_name": "Test_Model",
"testing_for": "LLM",
"model_name": "mistralai/Mixtral-8x7B-Instruct-v0.1",
"model_type": "text_2_text",
"certifications": [],
"model_config": {
"is_compatible_with": "openai",
"model_version": "1",
"hosting_type": "External",
"model_source": "https://together.ai",
"model_provider": "Mistral AI",
"system_prompt": "",
"conversation_template": "",
"endpoint": {
"scheme": "https",
"host": "api.together.xyz",
"port": 443,
"base_path": "/v1"
},
"paths": {
"completions": "/completions",
"chat": "/chat/completions"
},
"auth_data": {
"header_name": "Authorization",
"header_prefix": "Bearer",
"space_after_prefix": true
},
"apikeys": [
"xxxxx"
],
"metadata": {},
"default_request_options": {}
}
}"""

RESPONSE = """{
"message": "Model details added successfully",
"data": {
"model_saved_name": "Test_Model",
"testing_for": "LLM",
"model_name": "mistralai/Mixtral-8x7B-Instruct-v0.1",
"model_type": "text_2_text",
"certifications": [],
"model_config": {
"paths": {
"chat": "/chat/completions",
"completions": "/completions"
},
"apikeys": [
"xxxxx"
],
"endpoint": {
"host": "api.together.xyz",
"port": 443,
"scheme": "https",
"base_path": "/v1"
},
"metadata": {},
"auth_data": {
"header_name": "Authorization",
"header_prefix": "Bearer",
"space_after_prefix": true
},
"hosting_type": "External",
"model_source": "https://together.ai",
"model_version": "1",
"system_prompt": "",
"model_provider": "Mistral AI",
"is_compatible_with": "openai",
"conversation_template": "",
"default_request_options": {}
},
"created_at": "2024-10-15T17:22:47.872389+00:00",
"project_name": "default",
"updated_at": "2024-10-15T17:22:47.872389+00:00",
"model_id": 1234567890
}
}"""

IDENTITY = {"X-Enkrypt-Model": "Test_Model", "X-Enkrypt-Model-Version": "1"}


def v1(name: str = "Test_Model", **config: Any) -> dict[str, Any]:
    """The least that dialect v1 takes, and what the test adds to its model_config."""
    least = {"is_compatible_with": "openai", "model_version": "1", "endpoint": {"host": "api.together.xyz"}}
    return {"model_saved_name": name, "model_config": {**least, **config}}


def v2(name: str = "Test_Model", **config: Any) -> dict[str, Any]:
    """The least that dialect v2 takes, and what the test adds to its model_config."""
    least = {"model_provider": "openai", "endpoint": {"host": "api.together.xyz"}}
    return {"model_saved_name": name, "model_version": "1", "model_config": {**least, **config}}


def called(name: str, version: str = "1") -> dict[str, str]:
    return {"X-Enkrypt-Model": name, "X-Enkrypt-Model-Version": version}
