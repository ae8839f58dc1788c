-- Keeps everybody from writing into the change log until this transaction ends; whoever is writing is waited for.
lock table change_log in share mode
