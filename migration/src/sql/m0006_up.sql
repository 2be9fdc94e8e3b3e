-- What a member has to do with requests to execute runs: 'takes' those of foreign producers, or 'makes' them for the old
-- executor; null for neither, and for programs that do not know this column.
ALTER TABLE fleet ADD COLUMN requests varchar(10);
