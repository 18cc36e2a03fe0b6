"""Turns CSV into chat JSON Lines as a library of Python does, and prints what it cost."""

import json
import resource
import sys
import time


def with_standard_library(source, target):
    import csv

    csv.field_size_limit(1 << 30)
    with open(source, newline="", encoding="utf-8") as rows, open(
        target, "w", encoding="utf-8", newline="\n"
    ) as out:
        for row in csv.DictReader(rows):
            prompt, completion = row["prompt"], row["completion"]
            if not prompt.strip() or not completion.strip():
                raise ValueError("empty")
            messages = [
                {"role": "user", "content": prompt},
                {"role": "assistant", "content": completion},
            ]
            line = json.dumps({"messages": messages}, ensure_ascii=False, separators=(",", ":"))
            out.write(line + "\n")


def with_polars(source, target):
    import polars

    def message(role, column):
        return polars.struct(polars.lit(role).alias("role"), polars.col(column).alias("content"))

    frame = polars.scan_csv(source, infer_schema=False)
    messages = polars.concat_list(message("user", "prompt"), message("assistant", "completion"))
    frame.select(messages.alias("messages")).sink_ndjson(target)


def with_datafusion(source, target):
    import datafusion

    context = datafusion.SessionContext(datafusion.SessionConfig().with_target_partitions(1))
    context.sql(
        f"CREATE EXTERNAL TABLE rows (prompt VARCHAR, completion VARCHAR) STORED AS CSV "
        f"LOCATION '{source}' OPTIONS ('format.has_header' 'true', 'format.newlines_in_values' 'true')"
    )
    context.sql(
        f"COPY (SELECT make_array(named_struct('role', 'user', 'content', prompt), "
        f"named_struct('role', 'assistant', 'content', completion)) AS messages FROM rows) "
        f"TO '{target}' STORED AS JSON"
    ).collect()


def main():
    name, source, target = sys.argv[1:]
    start = time.perf_counter()
    {"csv": with_standard_library, "polars": with_polars, "datafusion": with_datafusion}[name](
        source, target
    )
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    print(json.dumps({"cpu": cpu, "wall": wall, "peak_kib": used.ru_maxrss}))


main()
