#include "provider/credential.h"

const char *llmc_credential_fingerprint(const llmc_credential *credential)
{
    return credential->id.bytes ? credential->id.fingerprint : credential->key.fingerprint;
}

void llmc_credential_free(llmc_credential *credential, const llmc_allocator *allocator)
{
    llmc_secret_free(&credential->key, allocator);
    llmc_secret_free(&credential->id, allocator);
    llmc_secret_free(&credential->session, allocator);
}

void llmc_credential_mask(const llmc_credential *credential, char *text)
{
    llmc_secret_mask(&credential->key, text);
    llmc_secret_mask(&credential->id, text);
    llmc_secret_mask(&credential->session, text);
}
