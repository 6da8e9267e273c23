#include "money/catalog_rows.h"
llmcost_status llmc_catalog_load_own(llmc_catalog *catalog, const char *file, const struct json_t *root, llmcost_error *error) { (void)catalog;(void)file;(void)root;(void)error; return 0; }
llmcost_status llmc_catalog_load_litellm(llmc_catalog *catalog, const char *file, const struct json_t *root, llmcost_error *error) { (void)catalog;(void)file;(void)root;(void)error; return 0; }
