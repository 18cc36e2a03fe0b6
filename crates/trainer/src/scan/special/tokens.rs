//! The tokens, by family.

use crate::scan::special::Family::{self, *};

/// A special token.
#[derive(Debug)]
pub(super) struct Token {
    /// How it is written; `#` between bars is a number.
    pub(super) text: &'static str,
    pub(super) families: &'static [Family],
    /// Whether it also stands in texts that have nothing to do with models.
    pub(super) is_ordinary: bool,
}

const fn token(text: &'static str, families: &'static [Family]) -> Token {
    Token { text, families, is_ordinary: false }
}

const fn ordinary(text: &'static str, families: &'static [Family]) -> Token {
    Token { text, families, is_ordinary: true }
}

/// Between `<|` and `|>`, the last `>` left out.
pub(super) const BARRED: [Token; 108] = [
    // ChatML, and the middle to be filled in.
    token("<|endoftext|", &[OpenAi, Harmony, Qwen, Phi, Glm]),
    token("<|endofprompt|", &[OpenAi, Harmony]),
    token("<|im_start|", &[OpenAi, Qwen, Phi]),
    token("<|im_end|", &[OpenAi, Qwen, Phi, Kimi]),
    token("<|im_sep|", &[OpenAi, Phi]),
    token("<|fim_prefix|", &[OpenAi, Qwen, Phi, Granite]),
    token("<|fim_middle|", &[OpenAi, Qwen, Phi, Granite]),
    token("<|fim_suffix|", &[OpenAi, Qwen, Phi, Granite]),
    token("<|fim_pad|", &[Qwen, Granite]),
    // Harmony.
    token("<|startoftext|", &[Harmony]),
    token("<|start|", &[Harmony]),
    token("<|end|", &[Harmony, Phi]),
    token("<|message|", &[Harmony]),
    token("<|channel|", &[Harmony]),
    token("<|constrain|", &[Harmony]),
    token("<|return|", &[Harmony]),
    token("<|call|", &[Harmony]),
    token("<|reserved_#|", &[Harmony]),
    // Llama.
    token("<|begin_of_text|", &[Llama3, Llama4]),
    token("<|end_of_text|", &[Llama3, Llama4, Granite]),
    token("<|start_header_id|", &[Llama3]),
    token("<|end_header_id|", &[Llama3]),
    token("<|eot_id|", &[Llama3]),
    token("<|eom_id|", &[Llama3]),
    token("<|python_tag|", &[Llama3]),
    token("<|finetune_right_pad_id|", &[Llama3]),
    token("<|step_id|", &[Llama3]),
    token("<|image|", &[Llama3, Llama4, Glm]),
    token("<|reserved_special_token_#|", &[Llama3]),
    token("<|header_start|", &[Llama4]),
    token("<|header_end|", &[Llama4]),
    token("<|eot|", &[Llama4]),
    token("<|eom|", &[Llama4]),
    token("<|step|", &[Llama4]),
    token("<|python_start|", &[Llama4]),
    token("<|python_end|", &[Llama4]),
    token("<|image_start|", &[Llama4]),
    token("<|image_end|", &[Llama4]),
    token("<|patch|", &[Llama4]),
    token("<|finetune_right_pad|", &[Llama4]),
    // Qwen.
    token("<|object_ref_start|", &[Qwen]),
    token("<|object_ref_end|", &[Qwen]),
    token("<|box_start|", &[Qwen]),
    token("<|box_end|", &[Qwen]),
    token("<|quad_start|", &[Qwen]),
    token("<|quad_end|", &[Qwen]),
    token("<|vision_start|", &[Qwen]),
    token("<|vision_end|", &[Qwen]),
    token("<|vision_pad|", &[Qwen]),
    token("<|image_pad|", &[Qwen]),
    token("<|video_pad|", &[Qwen]),
    token("<|repo_name|", &[Qwen]),
    token("<|file_sep|", &[Qwen]),
    token("<|extra_#|", &[Qwen]),
    // Phi and GLM.
    token("<|system|", &[Phi, Glm]),
    token("<|user|", &[Phi, Glm]),
    token("<|assistant|", &[Phi, Glm]),
    token("<|tool|", &[Phi]),
    token("<|/tool|", &[Phi]),
    token("<|tool_call|", &[Phi, Granite]),
    token("<|/tool_call|", &[Phi]),
    token("<|tool_response|", &[Phi]),
    token("<|placeholder#|", &[Phi]),
    token("<|dummy_#|", &[Phi]),
    token("<|endofimage|", &[Phi]),
    token("<|observation|", &[Glm]),
    token("<|begin_of_image|", &[Glm]),
    token("<|end_of_image|", &[Glm]),
    // DeepSeek.
    token("<｜begin▁of▁sentence｜", &[DeepSeek]),
    token("<｜end▁of▁sentence｜", &[DeepSeek]),
    token("<｜▁pad▁｜", &[DeepSeek]),
    token("<｜User｜", &[DeepSeek]),
    token("<｜Assistant｜", &[DeepSeek]),
    token("<｜fim▁begin｜", &[DeepSeek]),
    token("<｜fim▁hole｜", &[DeepSeek]),
    token("<｜fim▁end｜", &[DeepSeek]),
    token("<｜tool▁calls▁begin｜", &[DeepSeek]),
    token("<｜tool▁calls▁end｜", &[DeepSeek]),
    token("<｜tool▁call▁begin｜", &[DeepSeek]),
    token("<｜tool▁call▁end｜", &[DeepSeek]),
    token("<｜tool▁outputs▁begin｜", &[DeepSeek]),
    token("<｜tool▁outputs▁end｜", &[DeepSeek]),
    token("<｜tool▁output▁begin｜", &[DeepSeek]),
    token("<｜tool▁output▁end｜", &[DeepSeek]),
    token("<｜tool▁sep｜", &[DeepSeek]),
    token("<|EOT|", &[DeepSeek]),
    // Kimi.
    token("<|im_user|", &[Kimi]),
    token("<|im_assistant|", &[Kimi]),
    token("<|im_system|", &[Kimi]),
    token("<|im_middle|", &[Kimi]),
    token("<|tool_calls_section_begin|", &[Kimi]),
    token("<|tool_calls_section_end|", &[Kimi]),
    token("<|tool_call_begin|", &[Kimi]),
    token("<|tool_call_argument_begin|", &[Kimi]),
    token("<|tool_call_end|", &[Kimi]),
    // Cohere and Granite.
    token("<|START_OF_TURN_TOKEN|", &[Cohere]),
    token("<|END_OF_TURN_TOKEN|", &[Cohere]),
    token("<|USER_TOKEN|", &[Cohere]),
    token("<|CHATBOT_TOKEN|", &[Cohere]),
    token("<|SYSTEM_TOKEN|", &[Cohere]),
    token("<|START_RESPONSE|", &[Cohere]),
    token("<|END_RESPONSE|", &[Cohere]),
    token("<|START_THINKING|", &[Cohere]),
    token("<|END_THINKING|", &[Cohere]),
    token("<|START_ACTION|", &[Cohere]),
    token("<|END_ACTION|", &[Cohere]),
    token("<|start_of_role|", &[Granite]),
    token("<|end_of_role|", &[Granite]),
];

/// All others.
pub(super) const PLAIN: [Token; 38] = [
    // Llama.
    token("[INST]", &[Llama2, Mistral]),
    token("[/INST]", &[Llama2, Mistral]),
    token("<<SYS>>", &[Llama2]),
    token("<</SYS>>", &[Llama2]),
    ordinary("<s>", &[Llama2, Mistral]),
    ordinary("</s>", &[Llama2, Mistral, Phi]),
    ordinary("<unk>", &[Llama2, Mistral, Gemma]),
    // Mistral.
    token("[AVAILABLE_TOOLS]", &[Mistral]),
    token("[/AVAILABLE_TOOLS]", &[Mistral]),
    token("[TOOL_CALLS]", &[Mistral]),
    token("[TOOL_RESULTS]", &[Mistral]),
    token("[/TOOL_RESULTS]", &[Mistral]),
    token("[TOOL_CONTENT]", &[Mistral]),
    token("[SYSTEM_PROMPT]", &[Mistral]),
    token("[/SYSTEM_PROMPT]", &[Mistral]),
    token("[CALL_ID]", &[Mistral]),
    ordinary("[ARGS]", &[Mistral]),
    ordinary("[IMG]", &[Mistral]),
    ordinary("[IMG_BREAK]", &[Mistral]),
    ordinary("[IMG_END]", &[Mistral]),
    ordinary("[PREFIX]", &[Mistral]),
    ordinary("[MIDDLE]", &[Mistral]),
    ordinary("[SUFFIX]", &[Mistral]),
    // Phi and GLM.
    token("[gMASK]", &[Glm]),
    token("[sMASK]", &[Glm]),
    ordinary("<sop>", &[Glm]),
    ordinary("<eop>", &[Glm]),
    // Gemma.
    token("<start_of_turn>", &[Gemma]),
    token("<end_of_turn>", &[Gemma]),
    token("<start_of_image>", &[Gemma]),
    token("<end_of_image>", &[Gemma]),
    token("<image_soft_token>", &[Gemma]),
    ordinary("<bos>", &[Gemma]),
    ordinary("<eos>", &[Gemma]),
    ordinary("<pad>", &[Gemma, Llama2, Mistral]),
    ordinary("<mask>", &[Gemma]),
    // Cohere and Granite.
    token("<BOS_TOKEN>", &[Cohere]),
    token("<EOS_TOKEN>", &[Cohere]),
];
