# One image for all processes; the command chooses: comptoir web, worker, ticker, smtp, init.
# Not tested: try it before you trust it.
FROM python:3.13-slim

RUN useradd --create-home comptoir && install -d -o comptoir /data
WORKDIR /opt/comptoir
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN pip install --no-cache-dir --require-hashes -r requirements/build.txt -r requirements/runtime.txt
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

USER comptoir
WORKDIR /data
EXPOSE 8000 2525
CMD ["comptoir", "web"]
