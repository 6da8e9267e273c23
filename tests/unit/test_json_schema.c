/* The schema check: every keyword on both sides of its line, and what a hostile schema may try. */
#include "wire/json_schema.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

static const struct { const char *schema, *text, *reason; } cases[] = {
    { "{\"type\":\"object\"}", "{}", NULL },
    { "{\"type\":\"object\"}", " \n{ } ", NULL },
    { "{\"type\":\"object\"}", "[]", "the answer is no object" },
    { "{\"type\":\"object\"}", "{", "the answer is no JSON" },
    { "{\"type\":\"object\"}", "", "the answer is no JSON" },
    { "{\"type\":\"object\"}", "{} x", "the answer is no JSON" },
    { "{\"type\":\"string\"}", "\"a\"", NULL },
    { "{\"type\":\"string\"}", "1", "the answer is no string" },
    { "{\"type\":\"number\"}", "1.5", NULL },
    { "{\"type\":\"number\"}", "\"1\"", "the answer is no number" },
    { "{\"type\":\"integer\"}", "3", NULL },
    { "{\"type\":\"integer\"}", "3.0", NULL },
    { "{\"type\":\"integer\"}", "3.5", "the answer is no integer" },
    { "{\"type\":\"boolean\"}", "true", NULL },
    { "{\"type\":\"boolean\"}", "0", "the answer is no boolean" },
    { "{\"type\":\"null\"}", "null", NULL },
    { "{\"type\":\"null\"}", "0", "the answer is no null" },
    { "{\"type\":\"unheard\"}", "0", NULL },
    { "{\"type\":[\"string\",\"null\"]}", "null", NULL },
    { "{\"type\":[\"string\",\"null\"]}", "1", "the answer has none of the types that the schema allows" },
    { "{\"enum\":[\"a\",1]}", "1.0", NULL },
    { "{\"enum\":[\"a\",1]}", "\"b\"", "the answer is none of the values that the schema lists" },
    { "{\"const\":{\"a\":[1]}}", "{\"a\":[1]}", NULL },
    { "{\"const\":5}", "6", "the answer is not the constant of the schema" },
    { "{\"minimum\":2,\"maximum\":3}", "2", NULL },
    { "{\"minimum\":2,\"maximum\":3}", "1", "the answer is below the schema's minimum" },
    { "{\"minimum\":2,\"maximum\":3}", "4", "the answer is above the schema's maximum" },
    { "{\"exclusiveMinimum\":2}", "2", "the answer is outside the schema's limits" },
    { "{\"exclusiveMaximum\":2}", "1.9", NULL },
    { "{\"minLength\":2,\"maxLength\":2}", "\"\xC3\xA4\xE4\xBD\xA0\"", NULL },
    { "{\"minLength\":2}", "\"a\"", "the answer is below the schema's minimum" },
    { "{\"maxLength\":1}", "\"ab\"", "the answer is above the schema's maximum" },
    { "{\"required\":[\"a\"]}", "{\"a\":null}", NULL },
    { "{\"required\":[\"a\"]}", "{}", "the answer lacks \"a\"" },
    { "{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"b\":1}", NULL },
    { "{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"a\":1}", "/a is no string" },
    { "{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{\"a\":1}", NULL },
    { "{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{\"b\":1}", "/b is no member of the schema" },
    { "{\"additionalProperties\":{\"type\":\"number\"}}", "{\"b\":\"x\"}", "/b is no number" },
    { "{\"patternProperties\":{\"^x\":{}},\"additionalProperties\":false}", "{\"xb\":1}", NULL },
    { "{\"items\":{\"type\":\"object\",\"properties\":{\"p\":{\"type\":\"number\"}}}}", "[{\"p\":1},{\"p\":\"x\"}]", "/1/p is no number" },
    { "{\"items\":{\"type\":\"number\"},\"minItems\":1}", "[]", "the answer is below the schema's minimum" },
    { "{\"maxItems\":1}", "[1,2]", "the answer is above the schema's maximum" },
    { "{\"prefixItems\":[{\"type\":\"string\"}],\"items\":{\"type\":\"number\"}}", "[\"a\",1]", NULL },
    { "{\"prefixItems\":[{\"type\":\"string\"}],\"items\":false}", "[\"a\",1]", "/1 is not wanted by the schema" },
    { "{\"items\":[{\"type\":\"string\"}],\"additionalItems\":false}", "[1]", "/0 is no string" },
    { "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}", "1", NULL },
    { "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"number\"}]}", "[]", "the answer follows none of the schema's alternatives" },
    { "{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "1", NULL },
    { "{\"oneOf\":[{\"minimum\":1},{\"minimum\":2}]}", "3", "the answer does not follow exactly one of the schema's alternatives" },
    { "{\"allOf\":[{\"minimum\":1},{\"maximum\":2}]}", "3", "the answer is above the schema's maximum" },
    { "{\"not\":{\"type\":\"string\"}}", "1", NULL },
    { "{\"not\":{\"type\":\"string\"}}", "\"a\"", "the answer follows what the schema excludes" },
    { "{\"properties\":{\"a\":{\"$ref\":\"#/$defs/n\"}},\"$defs\":{\"n\":{\"type\":\"number\"}}}", "{\"a\":\"x\"}", "/a is no number" },
    { "{\"properties\":{\"a\":{\"$ref\":\"#/$defs/x~1y\"}},\"$defs\":{\"x/y\":{\"type\":\"number\"}}}", "{\"a\":1}", NULL },
    { "{\"properties\":{\"a\":{\"$ref\":\"#/anyOf/0\"}},\"anyOf\":[{\"type\":\"object\"}]}", "{\"a\":1}", "/a is no object" },
    { "{\"$ref\":\"https://elsewhere\"}", "1", NULL },
    { "{\"properties\":{\"next\":{\"$ref\":\"#\"},\"v\":{\"type\":\"number\"}},\"required\":[\"v\"]}", "{\"v\":1,\"next\":{\"v\":2,\"next\":{}}}", "/next/next lacks \"v\"" },
    { "{\"type\":\"string\",\"pattern\":\"^a$\",\"format\":\"email\"}", "\"b\"", NULL },
    { "true", "1", NULL },
    { "false", "1", "the answer is not wanted by the schema" },
    { NULL, "{\"a\":1}", NULL },
    { NULL, "[1]", "the answer is no object" },
};

static void keywords(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char reason[200];
        llmcost_status status = llmc_json_schema_check(cases[i].schema, cases[i].text, strlen(cases[i].text), reason);
        if (status != (cases[i].reason ? LLMCOST_E_MALFORMED : LLMCOST_OK) || strcmp(reason, cases[i].reason ? cases[i].reason : "") != 0)
            fail_msg("%s of %s: %s", cases[i].schema ? cases[i].schema : "any object", cases[i].text, reason);
    }
}

/* References in a circle and alternatives within alternatives end in time; deep values are cut by jansson itself. */
static void hostile_schemas(void **state)
{
    (void)state;
    char reason[200];
    static const char circle[] = "{\"$ref\":\"#/a\",\"a\":{\"$ref\":\"#\"}}";
    static const char explosion[] = "{\"$ref\":\"#/d\",\"d\":{\"anyOf\":[{\"$ref\":\"#/d\"},{\"$ref\":\"#/d\"},{\"$ref\":\"#/d\"}]}}";
    assert_int_equal(llmc_json_schema_check(circle, "1", 1, reason), LLMCOST_OK);
    assert_int_equal(llmc_json_schema_check(explosion, "1", 1, reason), LLMCOST_OK);
    char *deep = malloc(200001);
    assert_non_null(deep);
    memset(deep, '[', 200000);
    deep[200000] = '\0';
    assert_int_equal(llmc_json_schema_check("{}", deep, 200000, reason), LLMCOST_E_MALFORMED);
    free(deep);
    char name[700];
    size_t length = (size_t)snprintf(name, sizeof name, "{\"%0500d\":{\"%0100d\":1}}", 1, 2);
    assert_int_equal(llmc_json_schema_check("{\"additionalProperties\":{\"additionalProperties\":false}}", name, length, reason), LLMCOST_E_MALFORMED);
    assert_true(strlen(reason) < 200);
    assert_int_equal(llmc_json_schema_check("{\"properties\":5,\"required\":{},\"enum\":7,\"items\":\"x\",\"anyOf\":{}}", "{\"a\":[1]}", 9, reason), LLMCOST_OK); /* keywords of the wrong shape judge nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(keywords), cmocka_unit_test(hostile_schemas) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
