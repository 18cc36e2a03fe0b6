# Read when llama.cpp's own project begins; llama-cpp-python turns this on for no use of its own.
set(LLAMA_BUILD_COMMON OFF)
