# The commit for --version, known where the tree is a git checkout. Every commit and checkout writes
# the reflog of HEAD, and so leads to a new configuration.
set(FAIRLEAD_COMMIT "")
find_package(Git QUIET)
if(GIT_FOUND)
  function(fairlead_git variable)
    execute_process(COMMAND ${GIT_EXECUTABLE} ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
      OUTPUT_VARIABLE answer RESULT_VARIABLE failed ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
    if(failed)
      set(answer "")
    endif()
    set(${variable} "${answer}" PARENT_SCOPE)
  endfunction()
  # Not that of a repository around an unpacked archive.
  fairlead_git(top rev-parse --show-toplevel)
  if(top STREQUAL PROJECT_SOURCE_DIR)
    fairlead_git(FAIRLEAD_COMMIT rev-parse --short=12 HEAD)
    fairlead_git(reflog rev-parse --path-format=absolute --git-path logs/HEAD)
    if(EXISTS "${reflog}")
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${reflog}")
    endif()
  endif()
endif()
