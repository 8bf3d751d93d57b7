# Airflow with logpress in it: the same pins as `make setup`, and no compiler, no shell tools, no root at run time.
FROM python:3.11-slim-bookworm

RUN pip install --no-cache-dir uv==0.13.9

# Files that Airflow writes belong to group 0, so that any user id of the host works (see AIRFLOW_UID).
RUN useradd --uid 50000 --gid 0 --create-home airflow \
    && install --directory --owner=50000 --group=0 --mode=0775 \
        /opt/airflow /opt/airflow/auth /opt/airflow/logs /opt/airflow/lake /opt/airflow/sample
WORKDIR /opt/airflow

COPY requirements.txt ./
RUN uv pip install --system --no-cache -r requirements.txt

COPY pyproject.toml README.md LICENSE ./
COPY include ./include
RUN uv pip install --system --no-cache --no-deps .
# Kernels for any x86-64 processor of the last ten years; what is compiled later goes to LOGPRESS_CACHE_DIR of a task.
RUN if [ "$(uname -m)" = x86_64 ]; then portable=--portable; fi \
    && LOGPRESS_CACHE_DIR=/opt/kernels logpress warm --quiet $portable && chmod -R go=rX /opt/kernels
COPY dags ./dags
COPY plugins ./plugins

ENV AIRFLOW_HOME=/opt/airflow \
    HOME=/opt/airflow \
    LOGPRESS_CACHE_DIR=/opt/kernels \
    USER=airflow \
    PYTHONUNBUFFERED=1
USER 50000:0
EXPOSE 8080
ENTRYPOINT ["airflow"]
CMD ["version"]
