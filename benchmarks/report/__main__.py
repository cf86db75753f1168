def summary_of(output, width):
    for b in output["benchmarks"]:
        e=b["extra_info"]; import statistics as st
        d=b["stats"]["data"]
        def r(k): 
            v=e[k]; return None if not v else round(st.median([x/y for x,y in zip(v,d)]),3)
        yield f"{b['name']:55} {b['stats']['median']*1e3:9.3f} ms n={len(d)} blocks={max(e['block'])+1} S={r('serial_seconds')} E={r('floor_seconds')} cpu={e['cpu_seconds'] and round(st.median(e['cpu_seconds'])*1e3,2)} {e['spent']}"
    yield str(output["suite"]["seconds"])
    yield str([c for c in output["suite"]["cells"] if c["outcome"]!="measured"])
