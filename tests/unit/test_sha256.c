/* SHA-256 and HMAC against the vectors of FIPS 180-4 and RFC 4231. */
#include "base/sha256.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

struct text_vector {
    const char *text, *digest;
};

static const char *hex_of(const uint8_t digest[32])
{
    static char hex[65];
    llmc_hex(digest, 32, hex);
    return hex;
}

static void test_known_texts(void **state)
{
    (void)state;
    static const struct text_vector vectors[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
          "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        uint8_t digest[32];
        llmc_sha256_of(vectors[i].text, strlen(vectors[i].text), digest);
        assert_string_equal(hex_of(digest), vectors[i].digest);
    }
}

static void test_a_million_letters(void **state)
{
    (void)state;
    char letters[1000];
    memset(letters, 'a', sizeof letters);
    llmc_sha256 hash;
    llmc_sha256_begin(&hash);
    for (int i = 0; i < 1000; i++)
        llmc_sha256_add(&hash, letters, sizeof letters);
    uint8_t digest[32];
    llmc_sha256_end(&hash, digest);
    assert_string_equal(hex_of(digest), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* The digest over the digests of byte i * 7 + n, for every length n; the figure is from another implementation. */
static void test_every_length(void **state)
{
    (void)state;
    llmc_sha256 all;
    llmc_sha256_begin(&all);
    for (size_t length = 0; length <= 130; length++) {
        uint8_t data[130], digest[32];
        for (size_t i = 0; i < length; i++)
            data[i] = (uint8_t)(i * 7 + length);
        llmc_sha256_of(data, length, digest);
        llmc_sha256_add(&all, digest, sizeof digest);
    }
    uint8_t digest[32];
    llmc_sha256_end(&all, digest);
    assert_string_equal(hex_of(digest), "969b9f993f9c27e8424a46288c5b7999eee502a7befa92cad6cfef1034d76c51");
}

static void test_every_split(void **state)
{
    (void)state;
    uint8_t data[130], whole[32], split[32];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31 + 5);
    for (size_t length = 0; length <= sizeof data; length++) {
        llmc_sha256_of(data, length, whole);
        for (size_t at = 0; at <= length; at++) {
            llmc_sha256 hash;
            llmc_sha256_begin(&hash);
            llmc_sha256_add(&hash, data, at);
            llmc_sha256_add(&hash, data + at, length - at);
            llmc_sha256_end(&hash, split);
            assert_memory_equal(split, whole, 32);
        }
    }
}

static size_t fill(uint8_t *out, uint8_t byte, size_t count)
{
    memset(out, byte, count);
    return count;
}

/* The seven cases of RFC 4231; the fifth is published cut to 128 bits. */
static void test_hmac(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "Hi There", "what do ya want for nothing?", NULL, NULL, "Test With Truncation", "Test Using Larger Than Block-Size Key - Hash Key First",
        "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
    };
    static const char *const wanted[] = {
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe", "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        "a3b6167473100ee06e0c796c2955552b", "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    };
    for (int i = 0; i < 7; i++) {
        uint8_t key[131], data[160], digest[32];
        size_t key_bytes = 0, bytes = 0;
        switch (i) {
        case 0: key_bytes = fill(key, 0x0b, 20); break;
        case 1: memcpy(key, "Jefe", key_bytes = 4); break;
        case 2: key_bytes = fill(key, 0xaa, 20); bytes = fill(data, 0xdd, 50); break;
        case 3:
            for (key_bytes = 0; key_bytes < 25; key_bytes++)
                key[key_bytes] = (uint8_t)(key_bytes + 1);
            bytes = fill(data, 0xcd, 50);
            break;
        case 4: key_bytes = fill(key, 0x0c, 20); break;
        default: key_bytes = fill(key, 0xaa, 131); break;
        }
        if (texts[i])
            memcpy(data, texts[i], bytes = strlen(texts[i]));
        llmc_hmac_sha256(key, key_bytes, data, bytes, digest);
        assert_memory_equal(hex_of(digest), wanted[i], strlen(wanted[i]));
    }
    uint8_t digest[32];
    llmc_hmac_sha256("", 0, "", 0, digest);
    assert_string_equal(hex_of(digest), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_hex(void **state)
{
    (void)state;
    char out[7] = "xxxxxx";
    llmc_hex((const uint8_t[]){ 0x00, 0x9f, 0xff }, 3, out);
    assert_string_equal(out, "009fff");
    llmc_hex(NULL, 0, out);
    assert_string_equal(out, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_texts), cmocka_unit_test(test_a_million_letters), cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_every_split), cmocka_unit_test(test_hmac),             cmocka_unit_test(test_hex),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
