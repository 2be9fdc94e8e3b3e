SELECT run_feed_end()
