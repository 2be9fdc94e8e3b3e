DROP TABLE access_revocations;
DROP TABLE access_users;
DROP TABLE access_keys;
