CASE WHEN isfinite(timestamp) THEN
        extract(epoch FROM date_trunc('second', timestamp))::bigint * 1000000
            + extract(microseconds FROM timestamp)::bigint % 1000000
    END
