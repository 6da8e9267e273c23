/* The one place that knows the version: the build, the SONAME and the .pc file read it from here. */
#ifndef LLMCOST_VERSION_H
#define LLMCOST_VERSION_H

#define LLMCOST_VERSION_MAJOR 0
#define LLMCOST_VERSION_MINOR 1
#define LLMCOST_VERSION_PATCH 0
#define LLMCOST_VERSION_TEXT  "0.1.0"

#endif
