# Warnings and sanitizers, as interface targets that every module links.
add_library(fairlead_options INTERFACE)
target_include_directories(fairlead_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(fairlead_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Werror)
# GCC 12 sees overlapping copies in std::string's operator+ where there are none (its bug 105651).
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(fairlead_options INTERFACE -Wno-restrict)
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
  set(CMAKE_CXX_COMPILER_LAUNCHER ${FAIRLEAD_CCACHE})
endif()

# One module: a static library from an explicit list of sources, and what it may depend on.
function(fairlead_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS" ${ARGN})
  add_library(fairlead_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(fairlead_${name} PUBLIC fairlead_options ${ARG_LINKS})
endfunction()
