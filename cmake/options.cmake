# Warnings and sanitizers, as interface targets that every module links.
add_library(fairlead_options INTERFACE)
target_include_directories(fairlead_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(fairlead_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Werror)
# GCC 12 sees copies in std::string's operator+ that overlap or go too far, where there are none (its
# bugs 105651 and 105329; the second only when <string> comes from a precompiled header).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(fairlead_options INTERFACE -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread)
endif()
target_compile_options(fairlead_options INTERFACE -fstack-protector-strong)

if(FAIRLEAD_SANITIZE)
  target_compile_options(fairlead_options INTERFACE
    -fsanitize=${FAIRLEAD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(fairlead_options INTERFACE -fsanitize=${FAIRLEAD_SANITIZE})
  # GCC warns of every atomic_thread_fence, which TSan does not understand; Asio has some.
  if(FAIRLEAD_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(fairlead_options INTERFACE -Wno-tsan)
  endif()
endif()

find_program(FAIRLEAD_CCACHE ccache)
if(FAIRLEAD_CCACHE)
  # Without the first ccache does not cache what uses a precompiled header; by the others checkouts in
  # different places share what they have compiled.
  set(CMAKE_CXX_COMPILER_LAUNCHER
    ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros
    CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${FAIRLEAD_CCACHE})
endif()

# One precompiled header for the modules and one for the tests: the headers of Asio, JSON and
# GoogleTest take longer to read than most of our sources to compile. Sources include what they use
# all the same: the presets clang and tidy build without.
option(FAIRLEAD_PCH "Precompile the headers of the libraries" ON)
function(fairlead_precompiled name)
  if(FAIRLEAD_PCH)
    set(empty ${CMAKE_BINARY_DIR}/precompiled_${name}.cc)
    file(CONFIGURE OUTPUT ${empty} CONTENT "")
    add_library(fairlead_precompiled_${name} OBJECT ${empty})
    cmake_parse_arguments(ARG "" "" "HEADERS;LINKS" ${ARGN})
    target_link_libraries(fairlead_precompiled_${name} PRIVATE fairlead_options ${ARG_LINKS})
    target_precompile_headers(fairlead_precompiled_${name} PRIVATE ${ARG_HEADERS})
  endif()
endfunction()
function(fairlead_use_precompiled target name)
  if(FAIRLEAD_PCH)
    target_precompile_headers(${target} REUSE_FROM fairlead_precompiled_${name})
  endif()
endfunction()

# One module: a static library from an explicit list of sources, and what it may depend on.
function(fairlead_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(fairlead_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(fairlead_${name} PUBLIC fairlead_options ${ARG_LINKS})
  fairlead_use_precompiled(fairlead_${name} modules)
endfunction()
