# docker build -t headlight . && docker run -p 8501:8501 -v headlight-cache:/cache headlight
FROM python:3.12-slim

# PyTorch without CUDA keeps the image small; build with --build-arg INDEX=https://pypi.org/simple for CUDA.
ARG INDEX=https://download.pytorch.org/whl/cpu

RUN useradd --create-home --uid 1000 headlight \
    && install --directory --owner headlight /app /cache
WORKDIR /app

COPY requirements.txt ./
RUN pip install --no-cache-dir --extra-index-url "$INDEX" -r requirements.txt

COPY --chown=headlight app.py ./
COPY --chown=headlight .streamlit .streamlit
COPY --chown=headlight models models
COPY --chown=headlight viz viz

USER 1000
# The family's weights are part of models; others are fetched when somebody first asks for them, and stay in the volume.
ENV HEADLIGHT_CACHE=/cache \
    HF_HOME=/cache/huggingface \
    PYTHONUNBUFFERED=1
VOLUME /cache
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=1m --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://localhost:8501/_stcore/health', timeout=4)"]

CMD ["python", "-m", "streamlit", "run", "app.py", "--server.address", "0.0.0.0", "--server.port", "8501"]
