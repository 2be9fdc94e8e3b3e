DELETE FROM feed_marks WHERE name = 'webhooks';
DROP TABLE webhook_deliveries, webhooks;
